//! The data set: its rows, its split into training and held-out rows, and the accuracy of the model on them. Used by
//! the training and the tests.

use chariot_engine::{
    Context, Error, Result,
    candle::{self, D, Device, Tensor},
};

use crate::{FEATURES, Net, SPECIES};

/// Every fifth row of each species is held out.
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
    /// The length and width of the sepal and the length and width of the petal, in cm.
    pub features: [f32; FEATURES],
    /// The class id: an index of [`SPECIES`].
    pub species: usize,
}

/// Parses the text of `data/iris.csv`: a header line, then four measurements in cm and the class id on each line.
///
/// # Errors
/// Returns an error for a malformed line. It names the number of the line, from 1.
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
        return Err(Error::from(format!("expected 4 measurements and a class id, got {} values", cells.len())));
    };
    let species = species.parse()?;
    if species >= SPECIES.len() {
        return Err(Error::from(format!("expected a class id from 0 to 2, got {species}")));
    }
    let mut features = [0.0_f32; FEATURES];
    for (feature, cell) in features.iter_mut().zip(measurements) {
        *feature = cell.parse()?;
        if !feature.is_finite() || *feature <= 0.0 {
            return Err(Error::from(format!("expected a measurement above 0 cm, got {feature}")));
        }
    }
    Ok(Flower { features, species })
}

/// Splits the rows into training rows and held-out rows, which are every fifth row of each species. Preserves the
/// order.
///
/// ```
/// let flowers = iris::read(&format!("header\n{}", "6.2,2.9,4.3,1.3,1\n".repeat(10)))?;
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

/// Returns the measurements of `flowers` as the input of the model: FP32 `[n, 4]`, in cm.
///
/// # Errors
/// Returns an error of the device.
///
/// ```
/// use chariot_engine::candle::Device;
///
/// let flowers = iris::read("header\n6.2,2.9,4.3,1.3,1\n")?;
/// assert_eq!(iris::features(&flowers, &Device::Cpu)?.dims(), [1, 4]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn features(flowers: &[Flower], device: &Device) -> candle::Result<Tensor> {
    let flat: Vec<f32> = flowers.iter().flat_map(|flower| flower.features).collect();
    Tensor::from_vec(flat, (flowers.len(), FEATURES), device)
}

/// Returns the share (0 to 1) of `flowers` that the model classifies correctly.
///
/// # Errors
/// Returns an error if `flowers` is empty, or an error of the device.
///
/// ```
/// use chariot_engine::{candle::{DType, Device, safetensors}, candle_nn::VarBuilder};
/// use iris::{Net, accuracy, read};
///
/// let tensors = safetensors::load("model/model.safetensors", &Device::Cpu)?;
/// let net = Net::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?;
/// let setosa = read("header\n5.0,3.4,1.5,0.2,0\n")?;
/// assert_eq!(accuracy(&net, &setosa)?, 1.0);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn accuracy(net: &Net, flowers: &[Flower]) -> Result<f64> {
    if flowers.is_empty() {
        return Err(Error::from("expected at least one flower, got none"));
    }
    let classes = net.forward(&features(flowers, &Device::Cpu)?)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
    let correct = flowers.iter().zip(classes).filter(|(flower, class)| flower.species == *class as usize).count();
    Ok(correct as f64 / flowers.len() as f64)
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
    fn a_malformed_line_is_named() {
        for bad in ["", "1,2,3,4", "1,2,3,4,3", "1,2,3,4,-1", "1,2,3,x,0", "1,2,3,NaN,0", "1,2,3,0,0", "1,2,3,4,5,0"] {
            let error = read(&format!("header\n1,2,3,4,0\n{bad}\n1,2,3,4,0\n")).unwrap_err();
            assert!(error.to_string().starts_with("line 3 of the irises: "), "{error}");
        }
    }
}
