//! Trains the network on `data/digits.csv` and writes `model/` and `samples/`, with the same bytes on every run.
//! Run it with `cargo run --release -p digits --bin train`.

mod augment;
mod rng;
mod samples;

use std::{collections::BTreeMap, f64::consts::PI, fs, path::Path, sync::PoisonError};

use chariot_engine::{
    Context, Result,
    candle::{DType, Device, Tensor, Var},
    candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap, loss::cross_entropy},
};
use digits::{CLASSES, Cnn, Digit, accuracy, pixels, read, split};

use crate::{augment::augmented, rng::Rng};

const SEED: u64 = 8;
const EPOCHS: usize = 40;
const BATCH: usize = 48;
const LEARNING_RATE: f64 = 3e-3;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let csv = fs::read_to_string(here.join("data/digits.csv")).context("reading data/digits.csv")?;
    let (training, held_out) = split(read(&csv)?);

    let mut rng = Rng::new(SEED);
    let variables = VarMap::new();
    let net = Cnn::new(VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;
    train(&net, initialize(&variables, &mut rng)?, &training, &mut rng)?;

    let model = here.join("model");
    fs::create_dir_all(&model).context("creating the directory model")?;
    let (weights, labels) = (model.join("model.safetensors"), model.join("class_labels.json"));
    variables.save(&weights).context("writing model/model.safetensors")?;
    fs::write(&labels, class_labels()).context("writing model/class_labels.json")?;
    // candle writes the weights readable by their owner only, but an engine may run as another user.
    fs::set_permissions(&weights, fs::metadata(&labels)?.permissions()).context("making the weights readable")?;
    samples::write(&net, &held_out, &here.join("samples")).context("writing samples")?;

    println!("training rows: {:5}, accuracy: {:.2} %", training.len(), 100.0 * accuracy(&net, &training)?);
    println!("held-out rows: {:5}, accuracy: {:.2} %", held_out.len(), 100.0 * accuracy(&net, &held_out)?);
    Ok(())
}

/// Initializes every variable, in the order of their names, and returns them in that order.
fn initialize(variables: &VarMap, rng: &mut Rng) -> Result<Vec<Var>> {
    let named = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
    let ordered: BTreeMap<&String, &Var> = named.iter().collect();
    for var in ordered.values() {
        // A weight is [outputs, inputs, ...], a bias [outputs]. This bound preserves the variance through a ReLU.
        let inputs: usize = var.dims().iter().skip(1).product();
        let bound = if var.rank() > 1 { (6.0 / inputs as f32).sqrt() } else { 0.0 };
        let values = (0..var.elem_count()).map(|_| rng.within(bound)).collect();
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(ordered.into_values().cloned().collect())
}

fn train(net: &Cnn, variables: Vec<Var>, training: &[Digit], rng: &mut Rng) -> Result<()> {
    let mut optimizer = AdamW::new(variables, ParamsAdamW { lr: LEARNING_RATE, ..Default::default() })?;
    let mut order: Vec<usize> = (0..training.len()).collect();
    for epoch in 0..EPOCHS {
        optimizer.set_learning_rate(LEARNING_RATE * 0.5 * (1.0 + (PI * epoch as f64 / EPOCHS as f64).cos()));
        rng.shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            // A quarter of each batch is unchanged, the rest is augmented.
            let digits: Vec<Digit> = batch
                .iter()
                .enumerate()
                .map(|(at, row)| if at % 4 == 0 { training[*row].clone() } else { augmented(&training[*row], rng) })
                .collect();
            let labels: Vec<u32> = digits.iter().map(|digit| digit.label as u32).collect();
            let labels = Tensor::new(labels, &Device::Cpu)?;
            let loss = cross_entropy(&net.forward(&pixels(&digits, &Device::Cpu)?)?, &labels)?;
            optimizer.backward_step(&loss)?;
        }
    }
    Ok(())
}

/// Returns the text of `class_labels.json`: every digit is its own label.
fn class_labels() -> String {
    let entries: Vec<String> = (0..CLASSES).map(|id| format!("\"{id}\": {id}")).collect();
    format!("{{{}}}\n", entries.join(", "))
}
