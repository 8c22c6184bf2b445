//! [`Segmentation`]: the output of Image Segmentation.

use serde::{Serialize, Serializer};

use super::{check, schema};
use crate::{
    error::{Expected, Result},
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// A mask with the class ID of every pixel of an image, 0 for the background.
///
/// | task | action `predict` |
/// |---|---|
/// | Image Segmentation | `[[id, ...], ...]`: one list per row of pixels, from the top |
///
/// The output must have the size of the original image. [`resized`](Self::resized) scales a mask of another size.
///
/// ```
/// use chariot_engine::{output::{EncodeContext, Output}, tasks::Segmentation};
///
/// let mask = Segmentation::new(vec![0, 7, 0, 0], (2, 2)).unwrap().resized((4, 2)).unwrap();
/// assert_eq!(mask.encode(&EncodeContext::new("predict")).unwrap().as_str(), "[[0,0,7,7],[0,0,0,0]]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segmentation {
    classes: Vec<u32>,
    width: usize,
}

impl Segmentation {
    /// Creates an output from the class IDs of all pixels, row by row from the top, and the mask's width and height.
    ///
    /// # Errors
    /// Returns an error if the number of IDs is not the number of pixels, or if there are no pixels.
    pub fn new(classes: Vec<u32>, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let pixels = u64::from(width) * u64::from(height);
        if classes.len() as u64 != pixels {
            let what = format!("{pixels} class IDs for {width} x {height} pixels");
            return Err(format!("mask: {}", Expected::new(what, classes.len())).into());
        }
        Ok(Self { classes, width: width as usize })
    }

    /// Creates one output per mask from class IDs of shape `[n, height, width]`, of any integer type.
    ///
    /// # Errors
    /// Returns an error if the shape differs, if the type is not an integer type, if an ID is negative, or if the device
    /// fails.
    #[cfg(feature = "candle")]
    pub fn from_masks(masks: &candle_core::Tensor) -> Result<Vec<Self>> {
        if !masks.dtype().is_int() {
            let got = format!("{:?}", masks.dtype());
            return Err(Expected::new("masks of an integer type", got).to_string().into());
        }
        let (_, height, width) = masks.dims3()?;
        let size = (u32::try_from(width)?, u32::try_from(height)?);
        check::size(size)?;
        let ids = masks.to_dtype(candle_core::DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
        let ids = ids.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>()?;
        ids.chunks(width * height).map(|mask| Self::new(mask.to_vec(), size)).collect()
    }

    /// Scales the mask to this width and height. Every pixel gets the class of the nearest pixel of the original mask.
    ///
    /// # Errors
    /// Returns an error if the new size has no pixels.
    pub fn resized(self, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let (columns, rows) = (width as usize, height as usize);
        let (old_columns, old_rows) = (self.width, self.classes.len() / self.width);
        // The center of a new pixel, in coordinates of the old mask.
        let nearest = |new: usize, old_count: usize, count: usize| (2 * new + 1) * old_count / (2 * count);
        let columns: Vec<_> = (0..columns).map(|x| nearest(x, old_columns, columns)).collect();
        let mut classes = Vec::with_capacity(columns.len() * rows);
        for y in 0..rows {
            let row = &self.classes[nearest(y, old_rows, rows) * old_columns..][..old_columns];
            classes.extend(columns.iter().map(|&x| row[x]));
        }
        Ok(Self { classes, width: columns.len() })
    }

    /// Returns the class IDs of all pixels, row by row.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }
}

impl Output<modality::Image> for Segmentation {
    const TASK: Option<&'static str> = Some("Image Segmentation");
    const ACTIONS: &'static [&'static str] = &["predict"];

    fn schema(_: Option<OutputLayout>) -> Option<JsonText> {
        schema::to_json(&schema::list(schema::list(schema::count())))
    }

    fn encode(self, _: &EncodeContext<'_>) -> Result<JsonText> {
        struct Rows(Segmentation);

        impl Serialize for Rows {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.classes.chunks(self.0.width))
            }
        }
        Ok(JsonText::from_value(&Rows(self))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(mask: Segmentation) -> String {
        mask.encode(&EncodeContext::new("predict")).unwrap().as_str().to_string()
    }

    #[test]
    fn the_output_is_one_list_per_row() {
        assert_eq!(json(Segmentation::new(vec![0, 1, 2, 3, 4, 70_000], (3, 2)).unwrap()), "[[0,1,2],[3,4,70000]]");
        assert_eq!(json(Segmentation::new(vec![5], (1, 1)).unwrap()), "[[5]]");
    }

    #[test]
    fn a_mask_is_scaled_to_the_size_of_the_image() {
        let mask = || Segmentation::new(vec![1, 2, 3, 4, 5, 6], (3, 2)).unwrap();
        assert_eq!(mask().resized((3, 2)).unwrap(), mask());
        assert_eq!(json(mask().resized((6, 1)).unwrap()), "[[4,4,5,5,6,6]]");
        assert_eq!(json(mask().resized((1, 3)).unwrap()), "[[2],[5],[5]]");
        assert_eq!(json(mask().resized((5, 2)).unwrap()), "[[1,1,2,3,3],[4,4,5,6,6]]");
        assert!(mask().resized((0, 2)).is_err());
    }

    #[test]
    fn a_mask_of_the_wrong_length_is_the_engines_fault() {
        for (classes, size) in [(vec![1; 5], (3, 2)), (vec![1; 7], (3, 2)), (vec![], (0, 3)), (vec![], (1, 1))] {
            assert_eq!(Segmentation::new(classes, size).unwrap_err().kind(), crate::ErrorKind::Failed);
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn masks_are_created_from_a_tensor() {
        let masks = candle_core::Tensor::new(&[[[0_u8, 1, 2]], [[3, 4, 5]]], &candle_core::Device::Cpu).unwrap();
        let outputs: Vec<_> = Segmentation::from_masks(&masks).unwrap().into_iter().map(json).collect();
        assert_eq!(outputs, ["[[0,1,2]]", "[[3,4,5]]"]);
        let transposed = Segmentation::from_masks(&masks.transpose(1, 2).unwrap()).unwrap();
        assert_eq!(json(transposed[1].clone()), "[[3],[4],[5]]");
        assert!(Segmentation::from_masks(&masks.to_dtype(candle_core::DType::F32).unwrap()).is_err());
        assert!(Segmentation::from_masks(&masks.squeeze(1).unwrap()).is_err());
        let negative = candle_core::Tensor::new(&[[[-1_i64]]], &candle_core::Device::Cpu).unwrap();
        assert!(Segmentation::from_masks(&negative).is_err());
    }
}
