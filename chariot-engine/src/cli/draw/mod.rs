//! `infer --draw`: draws the output for an image onto it. Behind the feature `draw`.
//!
//! The image has the pixels that the engine decodes, which are those that boxes and masks are measured in: the orientation
//! of EXIF is not applied.
//!
//! | file | holds |
//! |---|---|
//! | `output` | the outputs that can be drawn, read from their JSON |
//! | `canvas` | an image with lines, points, masks and text |

mod canvas;
mod output;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use ::image::{DynamicImage, ImageFormat};

use self::{
    canvas::Canvas,
    output::{Found, Outline, Scored, Task},
};
use crate::{
    error::{Expected, quoted},
    input::image::{Image, ImageLimits},
};

/// The most classes that are drawn: more hide the image.
const MOST_CLASSES: usize = 5;

/// The drawings of `--draw`: their files, and the task of the outputs.
#[derive(Debug)]
pub(super) struct Drawing {
    path: PathBuf,
    format: ImageFormat,
    task: Task,
    /// Set if there are several images, whose numbers are added to the name.
    is_numbered: bool,
}

impl Drawing {
    /// Creates the drawings of the outputs for `files`, by a model of this task.
    ///
    /// # Errors
    /// Returns an error if the outputs of the task cannot be drawn, if the ending of the path is not that of an image, or if
    /// a file would be replaced by its drawing.
    pub(super) fn new(path: &Path, files: &[PathBuf], task: Option<&str>) -> Result<Self, String> {
        let Some(of_task) = task.and_then(Task::named) else {
            let [others @ .., last] = Task::NAMES;
            let what = format!("a model for {} or {last}", others.join(", "));
            let got = task.map_or_else(|| "one without a task".into(), |task| format!("one for {task}"));
            return Err(format!("--draw: {}", Expected::new(what, got)));
        };
        let format = match ImageFormat::from_path(path) {
            Ok(format) if format.writing_enabled() && path.file_stem().is_some() => format,
            _ => {
                let what = "a name that ends in .png, .jpg, .webp, .bmp, .gif or .tiff";
                return Err(format!("--draw: {}", Expected::new(what, quoted(&path.to_string_lossy()))));
            }
        };
        let drawing = Drawing { path: path.into(), format, task: of_task, is_numbered: files.len() > 1 };
        // Paths that cannot be resolved do not exist, so nothing can be replaced.
        let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if let Some(file) =
            (0..files.len()).find_map(|index| files.iter().find(|file| same(file, &drawing.path_of(index))))
        {
            let got = format!("{}, which it would replace", quoted(&file.to_string_lossy()));
            return Err(format!("--draw: {}", Expected::new("another file than the images", got)));
        }
        Ok(drawing)
    }

    /// Returns the path of the drawing for the file with this index.
    fn path_of(&self, index: usize) -> PathBuf {
        if !self.is_numbered {
            return self.path.clone();
        }
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, ending) = (part(self.path.file_stem()), part(self.path.extension()));
        self.path.with_file_name(format!("{stem}-{}.{ending}", index + 1))
    }

    /// Returns `true` if this output is a label whose probability would be drawn too.
    pub(super) fn lacks_score(&self, output: &str) -> bool {
        matches!(self.task, Task::Classification) && matches!(output::classes(output), Ok(output::Classes::Label(_)))
    }

    /// Draws the output for an image, with the probability of its label if that is not in the output. Writes the file, and
    /// returns its path.
    ///
    /// # Errors
    /// Returns an error if the content is not an image, if the output is not one of the task, or if the file cannot be
    /// written.
    pub(super) fn draw(
        &self,
        index: usize,
        content: &[u8],
        output: &str,
        probabilities: Option<&str>,
    ) -> Result<PathBuf, String> {
        // The engine has decoded it, within its own limits.
        let image = Image::decode(content, &ImageLimits::new(u64::MAX)).map_err(|fault| fault.text().to_string())?;
        let drawn = self.drawn(&image, output, probabilities)?;
        let mut file = Cursor::new(Vec::new());
        let path = self.path_of(index);
        DynamicImage::from(drawn)
            .write_to(&mut file, self.format)
            .map_err(|error| error.to_string())
            .and_then(|()| fs::write(&path, file.into_inner()).map_err(|error| error.to_string()))
            .map_err(|error| format!("cannot write {}: {error}", quoted(&path.to_string_lossy())))?;
        Ok(path)
    }

    fn drawn(&self, image: &Image, output: &str, probabilities: Option<&str>) -> Result<::image::RgbImage, String> {
        let mut canvas = Canvas::new(image);
        match self.task {
            Task::Classification => {
                let classes = output::classes(output)?.scored(probabilities);
                canvas.title(&classes.iter().take(MOST_CLASSES).map(Scored::text).collect::<Vec<_>>());
            }
            Task::Segmentation => {
                let rows = output::mask(output, (image.width(), image.height()))?;
                canvas.tint(|x, y| rows[y][x].checked_sub(1).map(|id| id as usize));
            }
            Task::Detection | Task::OrientedDetection => {
                let found = output::detections(output, (image.width(), image.height()))?;
                let mut labels: Vec<&str> = Vec::new();
                let colors: Vec<usize> = found
                    .iter()
                    .map(|one| {
                        let known = labels.iter().position(|label| *label == one.scored.label);
                        known.unwrap_or_else(|| {
                            labels.push(&one.scored.label);
                            labels.len() - 1
                        })
                    })
                    .collect();
                // The best is drawn last, over the others, and texts over all lines.
                for (Found { outline, keypoints, .. }, color) in found.iter().zip(&colors).rev() {
                    match outline {
                        Outline::Upright(edges) => canvas.rectangle(*edges, *color),
                        Outline::Rotated(corners) => canvas.polygon(corners, *color),
                    }
                    keypoints.iter().for_each(|point| canvas.point(*point, *color));
                }
                for (one, color) in found.iter().zip(&colors).rev() {
                    canvas.label(&one.scored.text(), one.outline.corner(), *color);
                }
            }
        }
        Ok(canvas.into_image())
    }
}
