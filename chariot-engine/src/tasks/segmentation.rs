//! [`Segmentation`]: the output of Image Segmentation.

use serde::{Serialize, Serializer};

use super::{check, labels::ClassLabels, schema};
use crate::{
    error::{Expected, Result},
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// The labels that the IDs of a mask name. The JSON is the same; the labels decide which IDs a mask may hold.
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, MaskLabels};
///
/// let labels: ClassLabels = ["plane", "ship"].into_iter().collect();
/// assert_eq!(MaskLabels::AfterBackground(&labels).label(2), Some("ship"));
/// assert_eq!(MaskLabels::AfterBackground(&labels).label(0), None);
/// assert_eq!(MaskLabels::ById(&labels).label(0), Some("plane"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaskLabels<'a> {
    /// 0 is the background, which has no label, and the ID `i` names `labels[i - 1]`. This is the convention of
    /// `valor-lite`, the evaluator of the platform's maker. The background is not in `class_labels.json`.
    AfterBackground(&'a ClassLabels),
    /// The ID `i` names `labels[i]`, as for every other task. The first label is that of the background.
    ById(&'a ClassLabels),
}

impl<'a> MaskLabels<'a> {
    /// Returns the label that an ID names. `None` for a background without a label, and for an ID that no mask may hold.
    pub fn label(self, id: u32) -> Option<&'a str> {
        let id = usize::try_from(id).ok()?;
        match self {
            MaskLabels::AfterBackground(labels) => labels.get(id.checked_sub(1)?),
            MaskLabels::ById(labels) => labels.get(id),
        }
    }

    /// Returns the number of IDs that a mask may hold.
    fn ids(self) -> usize {
        match self {
            MaskLabels::AfterBackground(labels) => labels.len() + 1,
            MaskLabels::ById(labels) => labels.len(),
        }
    }
}

/// A mask with an ID for every pixel of an image, 0 for the background. [`MaskLabels`] decides which label another ID
/// names.
///
/// It is the output of Image Segmentation, with the action `predict`: one list per row of pixels, from the top. The output
/// must have the size of the original image. [`resized`](Self::resized) scales a mask of another size.
///
/// The response has no labels, so the reader must use the convention of the engine. Choose
/// [`MaskLabels::AfterBackground`] if masks are evaluated on the platform. A model whose background is a class of its own,
/// with ID 0, needs no change for that but a `class_labels.json` without the label of the background.
///
/// <details><summary>Image Segmentation: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/image_segmentation.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, MaskLabels, Segmentation};
///
/// let labels: ClassLabels = ["plane", "ship"].into_iter().collect();
/// let mask = Segmentation::new(vec![0, 2, 0, 0], MaskLabels::AfterBackground(&labels), (2, 2)).unwrap();
/// assert_eq!(mask.resized((4, 2)).unwrap().ids(), [0, 0, 2, 2, 0, 0, 0, 0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segmentation {
    ids: Vec<u32>,
    width: usize,
}

impl Segmentation {
    /// Creates an output from the IDs of all pixels, row by row from the top, and the mask's width and height.
    ///
    /// # Errors
    /// Returns an error if the number of IDs is not the number of pixels, if there are no pixels, or if an ID is not among
    /// those of the labels.
    pub fn new(ids: Vec<u32>, labels: MaskLabels<'_>, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let pixels = u64::from(width) * u64::from(height);
        if ids.len() as u64 != pixels {
            let what = format!("{pixels} IDs for {width} x {height} pixels");
            return Err(format!("mask: {}", Expected::new(what, ids.len())).into());
        }
        let mask = Self { ids, width: width as usize };
        mask.check(labels)?;
        Ok(mask)
    }

    /// Creates one output per mask from IDs of shape `[n, height, width]`, of any integer type.
    ///
    /// # Errors
    /// Returns an error if the shape differs, if the type is not an integer type, if an ID is not among those of the labels,
    /// or if the device fails.
    #[cfg(feature = "candle")]
    pub fn from_masks(masks: &candle_core::Tensor, labels: MaskLabels<'_>) -> Result<Vec<Self>> {
        if !masks.dtype().is_int() {
            let got = format!("{:?}", masks.dtype());
            return Err(Expected::new("masks of an integer type", got).to_string().into());
        }
        let (_, height, width) = masks.dims3()?;
        let size = (u32::try_from(width)?, u32::try_from(height)?);
        check::size(size)?;
        let ids = masks.to_dtype(candle_core::DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
        let id = |id| {
            let expected = || Expected::new(format!("IDs from 0 to {}", u32::MAX), id);
            u32::try_from(id).map_err(|_| format!("mask: {}", expected()))
        };
        let ids = ids.into_iter().map(id).collect::<Result<Vec<_>, _>>()?;
        ids.chunks(width * height).map(|mask| Self::new(mask.to_vec(), labels, size)).collect()
    }

    /// Rejects a mask with an ID that the labels do not have.
    fn check(&self, labels: MaskLabels<'_>) -> Result<()> {
        let count = labels.ids();
        // A maximum of all IDs is several times faster than a search for the first wrong one.
        let most = self.ids.iter().copied().max().unwrap_or(0);
        if usize::try_from(most).is_ok_and(|most| most < count) {
            return Ok(());
        }
        let pixel = self.ids.iter().position(|id| *id == most).unwrap_or(0);
        let what = match labels {
            MaskLabels::AfterBackground(labels) => format!("an ID from 0 to {}", labels.len()),
            MaskLabels::ById(_) => format!("a class ID below {count}"),
        };
        let expected = Expected::new(format!("{what}, the number of labels"), most);
        let (x, y) = (pixel % self.width, pixel / self.width);
        Err(format!("mask: pixel ({x}, {y}): {expected}; class_labels.json may belong to another model").into())
    }

    /// Scales the mask to this width and height. Every pixel gets the ID of the nearest pixel of the original mask.
    ///
    /// # Errors
    /// Returns an error if the new size has no pixels.
    pub fn resized(self, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let (columns, rows) = (width as usize, height as usize);
        let (old_columns, old_rows) = (self.width, self.ids.len() / self.width);
        // The center of a new pixel, in coordinates of the old mask.
        let nearest = |new: usize, old_count: usize, count: usize| (2 * new + 1) * old_count / (2 * count);
        let columns: Vec<_> = (0..columns).map(|x| nearest(x, old_columns, columns)).collect();
        let mut ids = Vec::with_capacity(columns.len() * rows);
        for y in 0..rows {
            let row = &self.ids[nearest(y, old_rows, rows) * old_columns..][..old_columns];
            ids.extend(columns.iter().map(|&x| row[x]));
        }
        Ok(Self { ids, width: columns.len() })
    }

    /// Converts the mask from pixels of the model to those of the original image, of this width and height: without the bars of
    /// a letterbox. Every pixel gets the ID at its center, and those that the model has not seen get 0.
    ///
    /// A mask of another size than the model's images is first [resized](Self::resized) to it.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize};
    /// use chariot_engine::tasks::{ClassLabels, MaskLabels, Segmentation};
    ///
    /// let labels: ClassLabels = ["plane"].into_iter().collect();
    /// // An image of 4 x 2 pixels, in the middle of three rows.
    /// let image = Image::from_dynamic(DynamicImage::new_rgb8(4, 2));
    /// let placement = Pixels::rgb(2, 3).resize(Resize::Fit { pad: 0 }).placement(&image);
    /// let mask = Segmentation::new(vec![0, 0, 1, 0, 0, 0], MaskLabels::AfterBackground(&labels), (2, 3))?;
    /// assert_eq!(mask.to_image(&placement, (4, 2))?.ids(), [1, 1, 0, 0, 1, 1, 0, 0]);
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the image has no pixels.
    #[cfg(feature = "image")]
    pub fn to_image(self, placement: &crate::input::image::Placement, (width, height): (u32, u32)) -> Result<Self> {
        check::size((width, height))?;
        let (columns, rows) = (self.width, self.ids.len() / self.width);
        let within = |at: f32, count: usize| (at >= 0.0 && at < count as f32).then_some(at as usize);
        let center = |at: u32| at as f32 + 0.5;
        let column = |(x, _)| within(x, columns);
        let row = |(_, y)| within(y, rows).map(|row| row * columns);
        let mut ids = Vec::with_capacity(width as usize * height as usize);
        // The column of an image decides the column of the mask, or its row if the image was turned.
        let (of_x, of_y): (Vec<_>, Vec<_>) = {
            let (across, down) = (|x| placement.to_model(center(x), 0.5), |y| placement.to_model(0.5, center(y)));
            match placement.swaps() {
                false => ((0..width).map(across).map(column).collect(), (0..height).map(down).map(row).collect()),
                true => ((0..width).map(across).map(row).collect(), (0..height).map(down).map(column).collect()),
            }
        };
        for y in of_y {
            ids.extend(of_x.iter().map(|x| y.zip(*x).map_or(0, |(y, x)| self.ids[y + x])));
        }
        Ok(Self { ids, width: width as usize })
    }

    /// Returns the IDs of all pixels, row by row.
    pub fn ids(&self) -> &[u32] {
        &self.ids
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
                serializer.collect_seq(self.0.ids.chunks(self.0.width))
            }
        }
        Ok(JsonText::from_value(&Rows(self))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};

    fn labels(count: u32) -> ClassLabels {
        (1..=count).map(|id| format!("class {id}")).collect()
    }

    fn mask(ids: Vec<u32>, size: (u32, u32)) -> Result<Segmentation> {
        Segmentation::new(ids, MaskLabels::AfterBackground(&labels(6)), size)
    }

    fn rows(mask: Segmentation) -> Vec<Vec<u32>> {
        mask.encode(&EncodeContext::new("predict")).unwrap().parse().unwrap()
    }

    #[test]
    fn the_output_is_one_list_per_row() {
        let output = mask(vec![0, 1, 2, 3, 4, 5], (3, 2)).unwrap();
        let json = output.clone().encode(&EncodeContext::new("predict")).unwrap();
        assert_form("Image Segmentation", None, "predict", &json);
        assert_eq!(rows(output), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(rows(mask(vec![5], (1, 1)).unwrap()), [[5]]);
    }

    #[test]
    fn a_mask_is_scaled_to_the_size_of_the_image() {
        let mask = || mask(vec![1, 2, 3, 4, 5, 6], (3, 2)).unwrap();
        assert_eq!(mask().resized((3, 2)).unwrap(), mask());
        assert_eq!(rows(mask().resized((6, 1)).unwrap()), [[4, 4, 5, 5, 6, 6]]);
        assert_eq!(rows(mask().resized((1, 3)).unwrap()), [[2], [5], [5]]);
        assert_eq!(rows(mask().resized((5, 2)).unwrap()), [[1, 1, 2, 3, 3], [4, 4, 5, 6, 6]]);
        assert!(mask().resized((0, 2)).is_err());
    }

    #[cfg(feature = "image")]
    #[test]
    fn a_mask_leaves_the_size_of_the_model_as_the_image_has_entered_it() {
        use crate::{Image, Pixels, image::DynamicImage, input::image::Resize};

        // A letterbox: the first and the last column are beside the image.
        let image = |width, height| Image::from_dynamic(DynamicImage::new_rgb8(width, height));
        let placement = Pixels::rgb(3, 2).resize(Resize::Fit { pad: 0 }).placement(&image(1, 2));
        let mask = || mask(vec![1, 2, 3, 4, 5, 6], (3, 2)).unwrap();
        assert_eq!(rows(mask().to_image(&placement, (1, 2)).unwrap()), [[2], [5]]);
        // Sides that were cut off are background.
        let placement = Pixels::rgb(3, 2).resize(Resize::Crop).placement(&image(5, 2));
        assert_eq!(rows(mask().to_image(&placement, (5, 2)).unwrap()), [[0, 1, 2, 3, 0], [0, 4, 5, 6, 0]]);
        assert!(mask().to_image(&placement, (5, 0)).is_err());
    }

    #[test]
    fn a_mask_of_the_wrong_length_is_the_engines_fault() {
        for (ids, size) in [(vec![1; 5], (3, 2)), (vec![1; 7], (3, 2)), (vec![], (0, 3)), (vec![], (1, 1))] {
            failure(mask(ids, size), "");
        }
    }

    #[test]
    fn an_id_without_a_label_is_the_engines_fault() {
        let labels = labels(2);
        let (after, by_id) = (MaskLabels::AfterBackground(&labels), MaskLabels::ById(&labels));
        for (labels, most) in [(after, 2), (by_id, 1)] {
            assert!(Segmentation::new(vec![0, most], labels, (2, 1)).is_ok());
            for id in [most + 1, u32::MAX] {
                failure(Segmentation::new(vec![0, most, id], labels, (1, 3)), "mask: pixel (0, 2): ");
            }
            assert_eq!(labels.label(most), Some("class 2"));
            assert_eq!(labels.label(most + 1), None);
        }
        assert_eq!((after.label(0), by_id.label(0)), (None, Some("class 1")));
    }

    #[cfg(feature = "candle")]
    #[test]
    fn masks_are_created_from_a_tensor() {
        let labels = labels(6);
        let from = |masks: &candle_core::Tensor| Segmentation::from_masks(masks, MaskLabels::AfterBackground(&labels));
        let masks = candle_core::Tensor::new(&[[[0_u8, 1, 2]], [[3, 4, 5]]], &candle_core::Device::Cpu).unwrap();
        let outputs: Vec<_> = from(&masks).unwrap().into_iter().map(rows).collect();
        assert_eq!(outputs, [[[0, 1, 2]], [[3, 4, 5]]]);
        let transposed = from(&masks.transpose(1, 2).unwrap()).unwrap();
        assert_eq!(rows(transposed[1].clone()), [[3], [4], [5]]);
        assert!(from(&masks.to_dtype(candle_core::DType::F32).unwrap()).is_err());
        assert!(from(&masks.squeeze(1).unwrap()).is_err());
        for wrong in [-1_i64, 7] {
            let wrong = candle_core::Tensor::new(&[[[wrong]]], &candle_core::Device::Cpu).unwrap();
            assert!(from(&wrong).is_err());
        }
    }
}
