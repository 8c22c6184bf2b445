//! Trains the model on `data/iris.csv` and writes `model/`, with the same bytes on every run.
//! Run it with `cargo run --release -p iris --bin train-iris`.

use std::{collections::HashMap, fs, path::Path};

use chariot_engine::{
    Context, Result,
    candle::{DType, Device, Tensor, Var, safetensors},
    candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, loss::cross_entropy},
};
use iris::{FEATURES, Flower, Net, SPECIES, accuracy, features, read, split};

const STEPS: usize = 500;
const LEARNING_RATE: f64 = 0.05;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let csv = fs::read_to_string(here.join("data/iris.csv")).context("reading data/iris.csv")?;
    let (training, held_out) = split(read(&csv)?);
    let tensors = train(&training)?;

    let model = here.join("model");
    fs::create_dir_all(&model).context("creating the directory model")?;
    let (weights, labels) = (model.join("model.safetensors"), model.join("class_labels.json"));
    safetensors::save(&tensors, &weights).context("writing model/model.safetensors")?;
    fs::write(&labels, class_labels()).context("writing model/class_labels.json")?;
    // candle writes the weights readable by their owner only, but an engine may run as another user.
    fs::set_permissions(&weights, fs::metadata(&labels)?.permissions()).context("making the weights readable")?;

    let net = Net::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?;
    println!("training rows: {:4}, accuracy: {:.2} %", training.len(), 100.0 * accuracy(&net, &training)?);
    println!("held-out rows: {:4}, accuracy: {:.2} %", held_out.len(), 100.0 * accuracy(&net, &held_out)?);
    Ok(())
}

/// Trains the model and returns its tensors. Deterministic, because the weights start at zero and every step uses all
/// rows.
fn train(training: &[Flower]) -> Result<HashMap<String, Tensor>> {
    let rows = features(training, &Device::Cpu)?;
    let species: Vec<u32> = training.iter().map(|flower| flower.species as u32).collect();
    let species = Tensor::new(species, &Device::Cpu)?;

    let weight = Var::zeros((SPECIES.len(), FEATURES), DType::F32, &Device::Cpu)?;
    let bias = Var::zeros(SPECIES.len(), DType::F32, &Device::Cpu)?;
    let tensors = HashMap::from([
        ("mean".to_owned(), rows.mean(0)?),
        ("deviation".to_owned(), rows.var(0)?.sqrt()?),
        ("species.weight".to_owned(), weight.as_tensor().clone()),
        ("species.bias".to_owned(), bias.as_tensor().clone()),
    ]);
    // The builder returns these tensors themselves, so the network computes with the variables.
    let net = Net::new(VarBuilder::from_tensors(tensors.clone(), DType::F32, &Device::Cpu))?;

    let params = ParamsAdamW { lr: LEARNING_RATE, weight_decay: 0.01, ..Default::default() };
    let mut optimizer = AdamW::new(vec![weight, bias], params)?;
    for _ in 0..STEPS {
        optimizer.backward_step(&cross_entropy(&net.forward(&rows)?, &species)?)?;
    }
    Ok(tensors)
}

/// Returns the text of `class_labels.json`.
fn class_labels() -> String {
    let entries: Vec<String> = SPECIES.iter().enumerate().map(|(id, species)| format!("\"{species}\": {id}")).collect();
    format!("{{{}}}\n", entries.join(", "))
}
