//! The data set: its rows, its split into training and held-out rows, and the accuracy of a network on them. Used by
//! the training and the tests.

use chariot_engine::{
    Context, Error, Result,
    candle::{self, D, Device, Tensor},
};

use crate::{CLASSES, Cnn, SIDE};

/// The value of full ink in the file.
const FULL_INK: u8 = 16;

/// Every fifth row of each class is held out.
const HELD_OUT_EACH: usize = 5;

/// One row of `data/digits.csv`.
///
/// ```
/// let row = format!("{}7", "0,16,".repeat(32));
/// let digits = digits::read(&row)?;
/// assert_eq!((digits[0].row, digits[0].label), (0, 7));
/// assert_eq!(digits[0].pixels[..3], [0.0, 1.0, 0.0]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Digit {
    /// The index of the row in the file, from 0.
    pub row: usize,
    /// The digit, which is also its class id.
    pub label: usize,
    /// The ink of every pixel, row by row from the top left: 0 is paper, 1 is full ink.
    pub pixels: [f32; SIDE * SIDE],
}

/// Parses the text of `data/digits.csv`: 64 pixels (0 to 16) and the digit on each line.
///
/// # Errors
/// Returns an error for a malformed line. It names the number of the line, from 1.
pub fn read(csv: &str) -> Result<Vec<Digit>> {
    csv.lines()
        .enumerate()
        .map(|(row, line)| parse(row, line).context(format_args!("line {} of the digits", row + 1)))
        .collect()
}

fn parse(row: usize, line: &str) -> Result<Digit> {
    let numbers = line.split(',').map(|cell| cell.trim().parse::<u8>()).collect::<Result<Vec<_>, _>>()?;
    match numbers.split_last() {
        Some((&label, ink))
            if ink.len() == SIDE * SIDE && ink.iter().all(|ink| *ink <= FULL_INK) && usize::from(label) < CLASSES =>
        {
            let pixels = std::array::from_fn(|index| f32::from(ink[index]) / f32::from(FULL_INK));
            Ok(Digit { row, label: label.into(), pixels })
        }
        _ => Err(Error::from(format!("expected 64 numbers from 0 to 16 and a digit, got {} numbers", numbers.len()))),
    }
}

/// Splits the rows into training rows and held-out rows, which are every fifth row of each digit. Preserves the order.
///
/// ```
/// let csv = format!("{}7\n", "0,".repeat(64)).repeat(10);
/// let (training, held_out) = digits::split(digits::read(&csv)?);
/// assert_eq!(training.len(), 8);
/// assert_eq!(held_out.iter().map(|digit| digit.row).collect::<Vec<_>>(), [4, 9]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn split(digits: Vec<Digit>) -> (Vec<Digit>, Vec<Digit>) {
    let mut seen = [0_usize; CLASSES];
    digits.into_iter().partition(|digit| {
        let count = &mut seen[digit.label];
        *count += 1;
        !count.is_multiple_of(HELD_OUT_EACH)
    })
}

/// Returns the pixels of `digits` as the input of the network: FP32 `[n, 1, 8, 8]`.
///
/// # Errors
/// Returns an error of the device.
///
/// ```
/// use chariot_engine::candle::Device;
///
/// let digits = digits::read(&format!("{}7", "0,".repeat(64)))?;
/// assert_eq!(digits::pixels(&digits, &Device::Cpu)?.dims(), [1, 1, 8, 8]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn pixels(digits: &[Digit], device: &Device) -> candle::Result<Tensor> {
    let flat: Vec<f32> = digits.iter().flat_map(|digit| digit.pixels).collect();
    Tensor::from_vec(flat, (digits.len(), 1, SIDE, SIDE), device)
}

/// Returns the share (0 to 1) of `digits` that the network classifies correctly.
///
/// # Errors
/// Returns an error if `digits` is empty, or an error of the device.
///
/// ```
/// use chariot_engine::{candle::{DType, Device}, candle_nn::VarBuilder};
/// use digits::{Cnn, accuracy, read};
///
/// let net = Cnn::new(VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// let zero = read(&format!("{}0", "0,".repeat(64)))?;
/// assert_eq!(accuracy(&net, &zero)?, 1.0);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
pub fn accuracy(net: &Cnn, digits: &[Digit]) -> Result<f64> {
    if digits.is_empty() {
        return Err(Error::from("expected at least one digit, got none"));
    }
    let classes = net.forward(&pixels(digits, &Device::Cpu)?)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
    let correct = digits.iter().zip(classes).filter(|(digit, class)| digit.label == *class as usize).count();
    Ok(correct as f64 / digits.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_has_every_digit_on_both_sides_of_the_split() {
        let digits = read(include_str!("../data/digits.csv")).unwrap();
        assert_eq!(digits.len(), 1797);
        let (training, held_out) = split(digits);
        assert_eq!((training.len(), held_out.len()), (1442, 355));
        for label in 0..CLASSES {
            assert!(training.iter().any(|digit| digit.label == label));
            assert!(held_out.iter().filter(|digit| digit.label == label).count() >= 34);
        }
        assert!(held_out.iter().all(|held_out| training.iter().all(|digit| digit.row != held_out.row)));
    }

    #[test]
    fn a_malformed_line_is_named() {
        let good = format!("{}7", "0,".repeat(64));
        let short = "0,0,7";
        let pale = format!("{}7", "17,".repeat(64));
        let ten = format!("{}10", "0,".repeat(64));
        for bad in [short, &pale, &ten, "", "a,b"] {
            let error = read(&format!("{good}\n{bad}\n{good}\n")).unwrap_err();
            assert!(error.to_string().starts_with("line 2 of the digits: "), "{error}");
        }
    }
}
