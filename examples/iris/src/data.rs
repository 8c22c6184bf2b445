//! The data set: its rows, which of them training may see, and how many of them the model reads right. The training and
//! the tests call it.

use chariot_engine::{
    Context, Error, Result,
    candle::{self, D, Device, Tensor},
};

use crate::{FEATURES, Net, SPECIES};

/// Of every species each fifth row is held out.
const HELD_OUT_EACH: usize = 5;

/// One row of `data/iris.csv`.
///
/// ```
/// let flowers = iris::read("1,4,setosa,versicolor,virginica\n6.2,2.9,4.3,1.3,1\n")?;
/// assert_eq!(flowers[0].features, [6.2, 2.9, 4.3, 1.3]);
/// assert_eq!(iris::SPECIES[flowers[0].species], "versicolor");
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Flower {
    /// Length and width of the sepal, length and width of the petal, in cm.
    pub features: [f32; FEATURES],
    /// The class id: a place in [`SPECIES`].
    pub species: usize,
}

/// Reads the text of `data/iris.csv`: a line of headings, then on each line four measurements in cm and the class id.
///
/// # Errors
/// A line of another form. The error names the line, from 1.
pub fn read(csv: &str) -> Result<Vec<Flower>> {
    csv.lines()
        .enumerate()
        .skip(1)
        .map(|(at, line)| parse(line).context(format_args!("line {} of the irises", at + 1)))
        .collect()
}

fn parse(line: &str) -> Result<Flower> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let Some((species, measurements)) = cells.split_last().filter(|_| cells.len() == FEATURES + 1) else {
        return Err(Error::from(format!("4 measurements and a class id are expected, {} values came", cells.len())));
    };
    let species = species.parse()?;
    if species >= SPECIES.len() {
        return Err(Error::from(format!("a class id from 0 to 2 is expected, {species} came")));
    }
    let mut features = [0.0_f32; FEATURES];
    for (feature, cell) in features.iter_mut().zip(measurements) {
        *feature = cell.parse()?;
        if !feature.is_finite() || *feature <= 0.0 {
            return Err(Error::from(format!("a measurement above 0 cm is expected, {feature} came")));
        }
    }
    Ok(Flower { features, species })
}

/// Parts the rows into those to train with and those that training never sees: each fifth row of every species. The
/// order stays.
///
/// ```
/// let flowers = iris::read(&format!("headings\n{}", "6.2,2.9,4.3,1.3,1\n".repeat(10)))?;
/// let (training, held_out) = iris::split(flowers);
/// assert_eq!((training.len(), held_out.len()), (8, 2));
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn split(flowers: Vec<Flower>) -> (Vec<Flower>, Vec<Flower>) {
    let mut seen = [0_usize; SPECIES.len()];
    flowers.into_iter().partition(|flower| {
        let count = &mut seen[flower.species];
        *count += 1;
        !count.is_multiple_of(HELD_OUT_EACH)
    })
}

/// The measurements of `flowers` as the model takes them: FP32 `[n, 4]`, in cm.
///
/// # Errors
/// A fault of the device.
///
/// ```
/// use chariot_engine::candle::Device;
///
/// let flowers = iris::read("headings\n6.2,2.9,4.3,1.3,1\n")?;
/// assert_eq!(iris::features(&flowers, &Device::Cpu)?.dims(), [1, 4]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn features(flowers: &[Flower], device: &Device) -> candle::Result<Tensor> {
    let flat: Vec<f32> = flowers.iter().flat_map(|flower| flower.features).collect();
    Tensor::from_vec(flat, (flowers.len(), FEATURES), device)
}

/// The share of `flowers` (0 to 1) whose species the model tells right, of at least one flower.
///
/// # Errors
/// No flowers at all, or a fault of the device.
///
/// ```
/// use chariot_engine::{candle::{DType, Device, safetensors}, candle_nn::VarBuilder};
/// use iris::{Net, accuracy, read};
///
/// let tensors = safetensors::load("model/model.safetensors", &Device::Cpu)?;
/// let net = Net::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?;
/// let setosa = read("headings\n5.0,3.4,1.5,0.2,0\n")?;
/// assert_eq!(accuracy(&net, &setosa)?, 1.0);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn accuracy(net: &Net, flowers: &[Flower]) -> Result<f64> {
    if flowers.is_empty() {
        return Err(Error::from("at least one flower is expected, none came"));
    }
    let answers = net.forward(&features(flowers, &Device::Cpu)?)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
    let right = flowers.iter().zip(answers).filter(|(flower, answer)| flower.species == *answer as usize).count();
    Ok(right as f64 / flowers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_has_every_species_on_both_sides_of_the_split() {
        let (training, held_out) = split(read(include_str!("../data/iris.csv")).unwrap());
        assert_eq!((training.len(), held_out.len()), (120, 30));
        for species in 0..SPECIES.len() {
            assert_eq!(training.iter().filter(|flower| flower.species == species).count(), 40);
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        for bad in ["", "1,2,3,4", "1,2,3,4,3", "1,2,3,4,-1", "1,2,3,x,0", "1,2,3,NaN,0", "1,2,3,0,0", "1,2,3,4,5,0"] {
            let error = read(&format!("headings\n1,2,3,4,0\n{bad}\n1,2,3,4,0\n")).unwrap_err();
            assert!(error.to_string().starts_with("line 3 of the irises: "), "{error}");
        }
    }
}
