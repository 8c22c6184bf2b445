//! [`Canvas`]: an image on which outlines, points, masks and text are drawn. `draw` calls it.

use std::convert::Infallible;

use ::image::{DynamicImage, Rgb, RgbImage, imageops};
use embedded_graphics::{
    Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoFont, MonoTextStyleBuilder, iso_8859_1::FONT_8X13_BOLD},
    pixelcolor::{Rgb888, RgbColor},
    primitives::{Circle, Line, Primitive, PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment},
    text::{Baseline, Text},
};

use crate::input::image::Image;

/// The font of all texts: it has the characters of western European languages.
const FONT: MonoFont<'_> = FONT_8X13_BOLD;

/// The shorter images are enlarged until their longer side has this many pixels, so that a text fits.
const LEAST_SIDE: u32 = 320;

/// The longer side of an image that is drawn on with the thinnest lines and the smallest text.
const SIDE_PER_UNIT: u32 = 640;

/// The most characters of a text.
const MOST_CHARACTERS: usize = 64;

/// Colors that people with any color vision can tell apart, on light and on dark images.
const PALETTE: [Rgb888; 8] = [
    Rgb888::new(230, 159, 0),
    Rgb888::new(86, 180, 233),
    Rgb888::new(0, 158, 115),
    Rgb888::new(240, 228, 66),
    Rgb888::new(213, 94, 0),
    Rgb888::new(204, 121, 167),
    Rgb888::new(0, 114, 178),
    Rgb888::new(150, 240, 150),
];

/// An image that is drawn on. Positions are in pixels of the original image.
pub(super) struct Canvas {
    pixels: RgbImage,
    /// The pixels of the canvas for one of the image, in each direction.
    zoom: u32,
    /// The factor of the width of lines and the size of texts.
    unit: u32,
}

impl Canvas {
    /// Creates a canvas of an image as it is stored, with transparent pixels on white, as a model sees it.
    pub(super) fn new(image: &Image) -> Self {
        let pixels = flattened(image.as_dynamic());
        let longer = pixels.width().max(pixels.height()).max(1);
        let zoom = LEAST_SIDE.div_ceil(longer);
        let pixels = match zoom {
            1 => pixels,
            _ => {
                let (width, height) = (pixels.width() * zoom, pixels.height() * zoom);
                imageops::resize(&pixels, width, height, imageops::FilterType::Nearest)
            }
        };
        Canvas { pixels, zoom, unit: (longer / SIDE_PER_UNIT).max(1) }
    }

    /// Returns the image with all that was drawn.
    pub(super) fn into_image(self) -> RgbImage {
        self.pixels
    }

    /// Draws the outline of a box `[xmin, ymin, xmax, ymax]`, on the pixels within it.
    pub(super) fn rectangle(&mut self, [xmin, ymin, xmax, ymax]: [f32; 4], color: usize) {
        let (least, most) = (self.within([xmin.floor(), ymin.floor()]), self.within([xmax.ceil(), ymax.ceil()]));
        let size = Size::new((most.x - least.x).max(1) as u32, (most.y - least.y).max(1) as u32);
        let style = PrimitiveStyleBuilder::new()
            .stroke_color(named(color))
            .stroke_width(self.line_width())
            .stroke_alignment(StrokeAlignment::Inside)
            .build();
        let Ok(()) = embedded_graphics::Drawable::draw(&Rectangle::new(least, size).into_styled(style), self);
    }

    /// Draws the lines from each corner to the next, and back to the first.
    pub(super) fn polygon(&mut self, corners: &[[f32; 2]], color: usize) {
        let style = PrimitiveStyle::with_stroke(named(color), self.line_width());
        for (index, from) in corners.iter().enumerate() {
            let to = corners[(index + 1) % corners.len()];
            if let Some((from, to)) = self.clipped(*from, to) {
                let Ok(()) = embedded_graphics::Drawable::draw(&Line::new(from, to).into_styled(style), self);
            }
        }
    }

    /// Draws a point. One outside of the image has no pixels.
    pub(super) fn point(&mut self, [x, y]: [f32; 2], color: usize) {
        if x < 0.0 || y < 0.0 || x > self.side(self.pixels.width()) || y > self.side(self.pixels.height()) {
            return;
        }
        let style = PrimitiveStyle::with_fill(named(color));
        let circle = Circle::with_center(self.within([x, y]), 2 * self.line_width() + 1).into_styled(style);
        let Ok(()) = embedded_graphics::Drawable::draw(&circle, self);
    }

    /// Draws a text above a position, or below it if there is no room above.
    pub(super) fn label(&mut self, text: &str, at: [f32; 2], color: usize) {
        let Point { x, y } = self.within(at);
        let height = self.text_height();
        self.text(text, x, if y >= height { y - height } else { y }, named(color));
    }

    /// Draws lines of text in the upper left corner.
    pub(super) fn title(&mut self, lines: &[String]) {
        for (index, line) in (0..).zip(lines) {
            self.text(line, 0, index * self.text_height(), Rgb888::BLACK);
        }
    }

    /// Colors the pixels of the image for which `color` returns one, half transparent.
    pub(super) fn tint(&mut self, color: impl Fn(usize, usize) -> Option<usize>) {
        for (x, y, pixel) in self.pixels.enumerate_pixels_mut() {
            if let Some(color) = color((x / self.zoom) as usize, (y / self.zoom) as usize) {
                let color = rgb(named(color));
                *pixel = Rgb([0, 1, 2].map(|channel| pixel.0[channel] / 2 + color.0[channel] / 2));
            }
        }
    }

    fn text(&mut self, text: &str, x: i32, y: i32, background: Rgb888) {
        let text: String = [" ", text, " "].concat().chars().take(MOST_CHARACTERS).collect();
        let (width, height) = (self.pixels.width() as i32, self.pixels.height() as i32);
        let (own_width, own_height) =
            (text.chars().count() as i32 * self.font_side(FONT.character_size.width), self.text_height());
        let at = Point::new(x.min(width - own_width).max(0), y.min(height - own_height).max(0));
        let [red, green, blue] = rgb(background).0.map(u32::from);
        let is_dark = 299 * red + 587 * green + 114 * blue < 128_000;
        let style = MonoTextStyleBuilder::new()
            .font(&FONT)
            .text_color(if is_dark { Rgb888::WHITE } else { Rgb888::BLACK })
            .background_color(background)
            .build();
        let text = Text::with_baseline(&text, Point::zero(), style, Baseline::Top);
        let Ok(_) = embedded_graphics::Drawable::draw(&text, &mut Enlarged { factor: self.unit, at, canvas: self });
    }

    fn line_width(&self) -> u32 {
        2 * self.unit
    }

    fn text_height(&self) -> i32 {
        self.font_side(FONT.character_size.height)
    }

    fn font_side(&self, side: u32) -> i32 {
        (side * self.unit) as i32
    }

    /// Returns a side of the canvas in pixels of the image.
    fn side(&self, side: u32) -> f32 {
        (side / self.zoom) as f32
    }

    /// Returns a position on the canvas, moved to its edge if it is outside.
    fn within(&self, [x, y]: [f32; 2]) -> Point {
        let at = |at: f32, side: u32| ((at * self.zoom as f32).round() as i32).clamp(0, side as i32);
        Point::new(at(x, self.pixels.width()), at(y, self.pixels.height()))
    }

    /// Returns the part of a line on the canvas, or close to it: a corner can be millions of pixels away.
    fn clipped(&self, from: [f32; 2], to: [f32; 2]) -> Option<(Point, Point)> {
        let mut ends = [from, to].map(|point| point.map(|at| f64::from(at) * f64::from(self.zoom)));
        let margin = f64::from(self.line_width());
        for (axis, side) in [self.pixels.width(), self.pixels.height()].into_iter().enumerate() {
            for (sign, bound) in [(-1.0, -margin), (1.0, f64::from(side) + margin)] {
                let [from, to] = ends;
                let is_out = |point: [f64; 2]| sign * (point[axis] - bound) > 0.0;
                let cut = match (is_out(from), is_out(to)) {
                    (true, true) => return None,
                    (false, false) => continue,
                    (true, false) => 0,
                    (false, true) => 1,
                };
                let share = (bound - from[axis]) / (to[axis] - from[axis]);
                ends[cut] = [0, 1].map(|other| from[other] + (to[other] - from[other]) * share);
                ends[cut][axis] = bound;
            }
        }
        let [from, to] = ends.map(|[x, y]| Point::new(x.round() as i32, y.round() as i32));
        ends.as_flattened().iter().all(|at| at.is_finite()).then_some((from, to))
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.pixels.width(), self.pixels.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, color) in pixels {
            if let (Ok(x), Ok(y)) = (x.try_into(), y.try_into())
                && let Some(pixel) = self.pixels.get_pixel_mut_checked(x, y)
            {
                *pixel = rgb(color);
            }
        }
        Ok(())
    }
}

/// A canvas on which each pixel is a square.
struct Enlarged<'a> {
    canvas: &'a mut Canvas,
    at: Point,
    factor: u32,
}

impl OriginDimensions for Enlarged<'_> {
    fn size(&self) -> Size {
        self.canvas.size()
    }
}

impl DrawTarget for Enlarged<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            let square = Rectangle::new(self.at + point * self.factor as i32, Size::new_equal(self.factor));
            self.canvas.fill_solid(&square, color)?;
        }
        Ok(())
    }
}

/// Returns the color with this number.
fn named(color: usize) -> Rgb888 {
    PALETTE[color % PALETTE.len()]
}

fn rgb(color: Rgb888) -> Rgb<u8> {
    Rgb([color.r(), color.g(), color.b()])
}

/// Returns an image in color, with transparent pixels blended with white.
fn flattened(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let colors = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = colors.get_pixel(x, y).0.map(u32::from);
        Rgb([red, green, blue].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}
