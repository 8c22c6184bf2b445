//! The worker: computes cases that it reads from standard input, and answers with the CPU seconds of a call and with some
//! numbers of the result. `peer.py` does the same in Python.

use std::{
    fmt,
    io::{BufRead, Write},
    path::Path,
    time::{Duration, Instant},
};

use chariot_engine::candle::{Result, Tensor};
use clap::ValueEnum;

use crate::{Failure, depthwise, encoder};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Library {
    Candle,
    Ops,
}

/// One computation that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Case {
    /// Texts of as many tokens.
    Encoder { texts: usize, tokens: usize },
    /// A picture of as many channels and rows, with a kernel of 3 rows.
    Depthwise { channels: usize, rows: usize, stride: usize },
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let encoder = |(texts, tokens)| Case::Encoder { texts, tokens };
        let depthwise = |(channels, rows, stride)| Case::Depthwise { channels, rows, stride };
        let texts = [(1, 16), (8, 16), (1, 128), (8, 128)].map(encoder);
        let pictures = [(32, 112, 1), (96, 112, 2), (144, 56, 1), (384, 14, 1), (960, 7, 1)].map(depthwise);
        texts.into_iter().chain(pictures).collect()
    }

    fn parse(words: &[&str]) -> std::result::Result<Self, Failure> {
        let number = |at: usize| words.get(at).ok_or("expected a number").map(|word| word.parse::<usize>());
        match words.first() {
            Some(&"encoder") => Ok(Case::Encoder { texts: number(1)??, tokens: number(2)?? }),
            Some(&"depthwise") => Ok(Case::Depthwise { channels: number(1)??, rows: number(2)??, stride: number(3)?? }),
            _ => Err(format!("expected a case, got {words:?}").into()),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Encoder { texts, tokens } => write!(f, "encoder {texts} {tokens}"),
            Case::Depthwise { channels, rows, stride } => write!(f, "depthwise {channels} {rows} {stride}"),
        }
    }
}

pub(crate) fn run(library: Library, weights: Option<&Path>) -> std::result::Result<(), Failure> {
    let (plain, fused) = encoder::load(weights)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (seconds, case) = words.split_last().ok_or("expected a case")?;
        let seconds = Duration::from_secs_f64(seconds.parse()?);
        let (took, result) = match Case::parse(case)? {
            Case::Encoder { texts, tokens } => {
                let ids = encoder::ids(texts, tokens)?;
                match library {
                    Library::Candle => time(seconds, || plain.forward(&ids))?,
                    Library::Ops => time(seconds, || fused.forward(&ids))?,
                }
            }
            Case::Depthwise { channels, rows, stride } => {
                let (plain, fused, image) = depthwise::load(channels, rows, stride)?;
                match library {
                    Library::Candle => time(seconds, || plain(&image))?,
                    Library::Ops => time(seconds, || fused(&image))?,
                }
            }
        };
        let sample = result.flatten_all()?.to_vec1::<f32>()?;
        let mut answer = format!("{took}");
        for at in 0..8 {
            answer += &format!(" {}", sample[at * (sample.len() - 1) / 7]);
        }
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Calls a function for some time, and returns the CPU seconds of a call and the last result.
fn time(duration: Duration, run: impl Fn() -> Result<Tensor>) -> std::result::Result<(f64, Tensor), Failure> {
    let mut result = run()?;
    let (begin, before) = (Instant::now(), cpu_seconds()?);
    let mut calls = 0;
    while begin.elapsed() < duration || calls < 3 {
        result = run()?;
        calls += 1;
    }
    Ok(((cpu_seconds()? - before) / f64::from(calls), result))
}

/// Returns the CPU seconds that all threads of this process have taken.
fn cpu_seconds() -> std::result::Result<f64, Failure> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let figures = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += figures.split_whitespace().next().ok_or("expected the CPU time")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
