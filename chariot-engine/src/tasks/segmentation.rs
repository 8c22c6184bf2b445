//! [`Segmentation`]: the answer of Image Segmentation.

use serde::{Serialize, Serializer};

use super::{check, schema};
use crate::{
    error::Result,
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// Which class every pixel of a picture belongs to: a class id a pixel, 0 for the background.
///
/// | task | action `predict` |
/// |---|---|
/// | Image Segmentation | `[[id, ...], ...]`: a list a row of pixels, from the top |
///
/// The answer has the size of the original picture: bring a mask of another size to it by [`resized`](Self::resized).
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
    /// An answer from the class ids of all pixels, row by row from the top, for this width and height.
    ///
    /// # Errors
    /// There are not as many ids as pixels, or no pixels at all.
    pub fn new(classes: Vec<u32>, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let pixels = u64::from(width) * u64::from(height);
        if classes.len() as u64 != pixels {
            let came = classes.len();
            return Err(format!("the model's mask of {width} x {height} pixels has {came} class ids").into());
        }
        Ok(Self { classes, width: width as usize })
    }

    /// One answer a mask from class ids of shape `[n, height, width]`, in any type of integers.
    ///
    /// # Errors
    /// The shape is another, its type is none of integers, an id is negative, or the device fails.
    #[cfg(feature = "candle")]
    pub fn rows(masks: &candle_core::Tensor) -> Result<Vec<Self>> {
        if !masks.dtype().is_int() {
            return Err(format!("a mask of integers is expected, one of {:?} came", masks.dtype()).into());
        }
        let (_, height, width) = masks.dims3()?;
        let size = (u32::try_from(width)?, u32::try_from(height)?);
        check::size(size)?;
        let ids = masks.to_dtype(candle_core::DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
        let ids = ids.into_iter().map(u32::try_from).collect::<Result<Vec<_>, _>>()?;
        ids.chunks(width * height).map(|mask| Self::new(mask.to_vec(), size)).collect()
    }

    /// The mask for a picture of this width and height: every pixel is of the class that the nearest one was of.
    ///
    /// # Errors
    /// The picture has no pixels.
    pub fn resized(self, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let (columns, rows) = (width as usize, height as usize);
        let (old_columns, old_rows) = (self.width, self.classes.len() / self.width);
        // The middle of a new pixel, in old ones.
        let nearest = |new: usize, old_count: usize, count: usize| (2 * new + 1) * old_count / (2 * count);
        let columns: Vec<_> = (0..columns).map(|x| nearest(x, old_columns, columns)).collect();
        let mut classes = Vec::with_capacity(columns.len() * rows);
        for y in 0..rows {
            let row = &self.classes[nearest(y, old_rows, rows) * old_columns..][..old_columns];
            classes.extend(columns.iter().map(|&x| row[x]));
        }
        Ok(Self { classes, width: columns.len() })
    }

    /// The class ids of all pixels, row by row.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }
}

impl Output<modality::Image> for Segmentation {
    const TASK: Option<&'static str> = Some("Image Segmentation");
    const ACTIONS: &'static [&'static str] = &["predict"];

    fn schema(_: Option<OutputLayout>) -> Option<JsonText> {
        schema::written(&schema::list(schema::list(schema::count())))
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
    fn the_answer_is_a_list_a_row() {
        assert_eq!(json(Segmentation::new(vec![0, 1, 2, 3, 4, 70_000], (3, 2)).unwrap()), "[[0,1,2],[3,4,70000]]");
        assert_eq!(json(Segmentation::new(vec![5], (1, 1)).unwrap()), "[[5]]");
    }

    #[test]
    fn a_mask_is_brought_to_the_pictures_size() {
        let mask = || Segmentation::new(vec![1, 2, 3, 4, 5, 6], (3, 2)).unwrap();
        assert_eq!(mask().resized((3, 2)).unwrap(), mask());
        assert_eq!(json(mask().resized((6, 1)).unwrap()), "[[4,4,5,5,6,6]]");
        assert_eq!(json(mask().resized((1, 3)).unwrap()), "[[2],[5],[5]]");
        assert_eq!(json(mask().resized((5, 2)).unwrap()), "[[1,1,2,3,3],[4,4,5,6,6]]");
        assert!(mask().resized((0, 2)).is_err());
    }

    #[test]
    fn a_ragged_mask_is_the_engines_fault() {
        for (classes, size) in [(vec![1; 5], (3, 2)), (vec![1; 7], (3, 2)), (vec![], (0, 3)), (vec![], (1, 1))] {
            assert_eq!(Segmentation::new(classes, size).unwrap_err().kind(), crate::ErrorKind::Failed);
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn masks_are_taken_from_a_tensor() {
        let masks = candle_core::Tensor::new(&[[[0_u8, 1, 2]], [[3, 4, 5]]], &candle_core::Device::Cpu).unwrap();
        let answers: Vec<_> = Segmentation::rows(&masks).unwrap().into_iter().map(json).collect();
        assert_eq!(answers, ["[[0,1,2]]", "[[3,4,5]]"]);
        let transposed = Segmentation::rows(&masks.transpose(1, 2).unwrap()).unwrap();
        assert_eq!(json(transposed[1].clone()), "[[3],[4],[5]]");
        assert!(Segmentation::rows(&masks.to_dtype(candle_core::DType::F32).unwrap()).is_err());
        assert!(Segmentation::rows(&masks.squeeze(1).unwrap()).is_err());
        let negative = candle_core::Tensor::new(&[[[-1_i64]]], &candle_core::Device::Cpu).unwrap();
        assert!(Segmentation::rows(&negative).is_err());
    }
}
