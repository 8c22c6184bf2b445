//! The boxes of YOLO's outputs. The detector reads them here.

use chariot_engine::{input::image::Placement, prelude::*};

use crate::{engine_file::BoxForm, message::expected};

impl BoxForm {
    /// Returns the form of an output of this shape, for a number of classes: the given one, or the only one that fits.
    ///
    /// # Errors
    /// Returns an error that names the shapes that fit the labels, or the forms among which `engine.json` must choose.
    pub(crate) fn of(shape: &[usize], classes: usize, given: Option<BoxForm>) -> Result<Self> {
        let all = [(BoxForm::Yolov8, "yolov8"), (BoxForm::Yolov5, "yolov5"), (BoxForm::Selected, "selected")];
        let fitting: Vec<_> = all
            .into_iter()
            .filter(|(form, _)| form.fits(shape, classes) && given.is_none_or(|given| given == *form))
            .collect();
        match fitting[..] {
            [(only, _)] => Ok(only),
            [] => {
                let (scores, object) = (4 + classes, 5 + classes);
                let what = format!(
                    "an output for {classes} labels, of shape [n, {scores}, boxes], [n, boxes, {object}] or [n, boxes, 6]"
                );
                Err(expected(
                    what,
                    format_args!("[n, {}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
                ))
            }
            _ => {
                let names: Vec<_> = fitting.iter().map(|(_, name)| *name).collect();
                Err(expected(format!("`boxes.form` in engine.json, one of {}", names.join(", ")), "none"))
            }
        }
    }

    /// Returns `true` if an output of this shape can have the form.
    pub(crate) fn fits(self, shape: &[usize], classes: usize) -> bool {
        match (self, shape) {
            (BoxForm::Yolov8, [rows, _]) => *rows == 4 + classes,
            (BoxForm::Yolov5, [_, columns]) => *columns == 5 + classes,
            (BoxForm::Selected, [_, columns]) => *columns == 6,
            _ => false,
        }
    }

    /// Returns the boxes of an image that reach a score, in pixels of the image.
    ///
    /// # Errors
    /// Returns an error if the output has another form, or if a box has a class without a label.
    pub(crate) fn read(
        self,
        shape: &[usize],
        values: &[f32],
        classes: usize,
        threshold: f32,
        placement: Placement,
    ) -> Result<Vec<Detection>> {
        let ([rows, columns], true) = (shape, self.fits(shape, classes)) else {
            return Err(expected(format!("boxes of the form {self:?}"), format_args!("shape {shape:?}")));
        };
        let (rows, columns) = (*rows, *columns);
        let in_image = |class, score, edges: [f32; 4]| Detection::new(class, score, edges).to_image(&placement);
        let around = |x: f32, y: f32, width: f32, height: f32| {
            let (half_width, half_height) = (width.abs() / 2.0, height.abs() / 2.0);
            [x - half_width, y - half_height, x + half_width, y + half_height]
        };
        match self {
            BoxForm::Yolov8 => (0..columns)
                .filter_map(|column| {
                    let at = |row: usize| values[row * columns + column];
                    let (class, score) = best((0..classes).map(|class| at(4 + class)))?;
                    (score >= threshold).then(|| Ok(in_image(class, score, around(at(0), at(1), at(2), at(3)))))
                })
                .collect(),
            BoxForm::Yolov5 => (0..rows)
                .filter_map(|row| {
                    let [x, y, width, height, object, ref scores @ ..] = values[row * columns..(row + 1) * columns]
                    else {
                        return None;
                    };
                    let (class, score) = best(scores.iter().copied())?;
                    let score = score * object;
                    (score >= threshold).then(|| Ok(in_image(class, score, around(x, y, width, height))))
                })
                .collect(),
            BoxForm::Selected => (0..rows)
                .filter_map(|row| {
                    let [xmin, ymin, xmax, ymax, score, class] = values[row * columns..(row + 1) * columns] else {
                        return None;
                    };
                    let edges = [xmin.min(xmax), ymin.min(ymax), xmin.max(xmax), ymin.max(ymax)];
                    // Rows without a box have a score of 0 or a negative class.
                    if score < threshold || score <= 0.0 || class < 0.0 {
                        return None;
                    }
                    if class.fract() != 0.0 || class >= classes as f32 {
                        return Some(Err(expected(format!("a class from 0 to {}", classes.saturating_sub(1)), class)));
                    }
                    Some(Ok(in_image(class as usize, score, edges)))
                })
                .collect(),
        }
    }
}

fn best(scores: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    scores.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// Returns the best boxes, best first, where all are wanted.
pub(crate) fn best_of(mut found: Vec<Detection>, most: usize) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement() -> Placement {
        // Letterboxed: half the size, 25 rows above.
        let image = Image::from_dynamic(chariot_engine::image::DynamicImage::new_rgb8(200, 100));
        Pixels::rgb(100, 100).resize(chariot_engine::input::image::Resize::Fit { pad: 114 }).placement(&image)
    }

    fn read(form: BoxForm, shape: [usize; 2], values: Vec<f32>) -> Vec<Detection> {
        form.read(&shape, &values, 2, 0.5, placement()).unwrap()
    }

    #[test]
    fn each_form_is_read_in_pixels_of_the_image() {
        let expected = [Detection::new(1, 0.75, [20.0, 10.0, 60.0, 50.0])];
        // Two boxes, of which the second does not reach the score: x, y, width, height, and two scores.
        let rows = [[20.0, 1.0], [40.0, 1.0], [20.0, 1.0], [20.0, 1.0], [0.1, 0.2], [0.75, 0.3]];
        assert_eq!(read(BoxForm::Yolov8, [6, 2], rows.concat()), expected);
        let columns = [[20.0, 40.0, 20.0, 20.0, 0.75, 0.1, 1.0], [1.0, 1.0, 1.0, 1.0, 0.4, 0.1, 1.0]];
        assert_eq!(read(BoxForm::Yolov5, [2, 7], columns.concat()), expected);
        let selected = [[10.0, 30.0, 30.0, 50.0, 0.75, 1.0], [1.0, 1.0, 2.0, 2.0, 0.25, 0.0]];
        assert_eq!(read(BoxForm::Selected, [2, 6], selected.concat()), expected);
        // Rows without a box are no boxes, whatever the threshold.
        let empty = [[0.0; 6], [0.0, 0.0, 0.0, 0.0, 0.5, -1.0]].concat();
        assert_eq!(BoxForm::Selected.read(&[2, 6], &empty, 2, 0.0, placement()).unwrap(), []);
        let unknown = [1.0, 1.0, 2.0, 2.0, 0.75, 2.0];
        assert!(BoxForm::Selected.read(&[1, 6], &unknown, 2, 0.5, placement()).is_err());
        assert!(BoxForm::Yolov8.read(&[1, 6], &unknown, 2, 0.5, placement()).is_err());
    }

    #[test]
    fn the_form_is_that_of_the_shape_and_the_labels() {
        let of = |shape: &[usize], classes| BoxForm::of(shape, classes, None).map_err(|error| error.to_string());
        assert_eq!(of(&[84, 8400], 80), Ok(BoxForm::Yolov8));
        assert_eq!(of(&[25200, 85], 80), Ok(BoxForm::Yolov5));
        assert_eq!(of(&[300, 6], 80), Ok(BoxForm::Selected));
        let error = of(&[84, 8400], 3).unwrap_err();
        assert!(error.contains("3 labels") && error.contains("[n, 84, 8400]"), "{error}");
        // With one label, six columns are two forms.
        let error = of(&[300, 6], 1).unwrap_err();
        assert!(error.contains("one of yolov5, selected"), "{error}");
        assert_eq!(BoxForm::of(&[300, 6], 1, Some(BoxForm::Selected)).unwrap(), BoxForm::Selected);
        assert!(BoxForm::of(&[300, 6], 80, Some(BoxForm::Yolov8)).is_err());
    }
}
