//! A chart of groups of bars over a logarithmic axis, as SVG.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::Failure;

/// The width of a chart, of the names at its left and of the texts at its right.
const WIDTH: i32 = 920;
const LEFT: i32 = 190;
const RIGHT: i32 = 170;
/// The heights of the title with the legend, of a bar, and of the space between groups.
const TOP: i32 = 70;
const BAR: i32 = 15;
const GAP: i32 = 12;
const BOTTOM: i32 = 40;

const COLORS: [RGBColor; 7] = [
    RGBColor(150, 150, 150),
    RGBColor(96, 125, 160),
    RGBColor(214, 93, 14),
    RGBColor(60, 130, 80),
    RGBColor(140, 90, 160),
    RGBColor(180, 150, 40),
    RGBColor(60, 150, 160),
];
const INK: RGBColor = RGBColor(40, 40, 40);
const LINE: RGBColor = RGBColor(215, 215, 215);

/// A chart.
pub(super) struct Chart {
    pub(super) title: String,
    /// The servers in the order of their colors.
    pub(super) servers: Vec<String>,
    pub(super) groups: Vec<Group>,
    /// Formats a value at the axis.
    pub(super) tick: fn(f64) -> String,
}

/// The bars of a workload.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// A bar from one value to another, with a dot at the first if that is a result too.
pub(super) struct Bar {
    pub(super) server: usize,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) dot: bool,
    pub(super) text: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Chart {
    /// Draws the chart.
    pub(super) fn svg(&self) -> Result<String, Failure> {
        let height: i32 = self.groups.iter().map(|group| group.bars.len() as i32 * BAR + GAP).sum();
        let height = TOP + height + BOTTOM;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
            self.draw(&area, height).map_err(|error| error.to_string())?;
        }
        Ok(svg)
    }

    fn draw(&self, area: &Area<'_>, height: i32) -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        write(area, &self.title, (16, 20), 17, HPos::Left)?;
        let mut x = 16;
        for (index, server) in self.servers.iter().enumerate() {
            area.draw(&Rectangle::new([(x, 40), (x + 12, 52)], color(index).filled()))?;
            write(area, server, (x + 17, 46), 13, HPos::Left)?;
            x += 40 + 7 * server.chars().count() as i32;
        }
        let axis = Axis::of(self.groups.iter().flat_map(|group| &group.bars));
        for tick in axis.ticks() {
            let x = axis.place(tick);
            area.draw(&PathElement::new([(x, TOP), (x, height - BOTTOM)], LINE))?;
            write(area, &(self.tick)(tick), (x, height - BOTTOM + 14), 12, HPos::Center)?;
        }
        let mut y = TOP + GAP / 2;
        for group in &self.groups {
            let middle = y + group.bars.len() as i32 * BAR / 2;
            write(area, &group.name, (LEFT - 12, middle), 13, HPos::Right)?;
            for bar in &group.bars {
                let (from, to) = (axis.place(bar.from), axis.place(bar.to));
                // A bar without a length is still seen.
                let sides = (from.min(to), from.max(to).max(from.min(to) + 2));
                let fill = color(bar.server);
                // A line that begins at a dot is thinner than the dot.
                let margin = if bar.dot { 5 } else { 2 };
                area.draw(&Rectangle::new([(sides.0, y + margin), (sides.1, y + BAR - margin)], fill.filled()))?;
                if bar.dot {
                    area.draw(&Circle::new((from, y + BAR / 2), 6, fill.filled()))?;
                }
                write(area, &bar.text, (WIDTH - RIGHT + 14, y + BAR / 2), 12, HPos::Left)?;
                y += BAR;
            }
            y += GAP;
        }
        area.present()?;
        Ok(())
    }
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32, side: HPos) -> Result<(), Box<dyn std::error::Error>> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_string(), at, style))?;
    Ok(())
}

fn color(server: usize) -> RGBColor {
    COLORS[server % COLORS.len()]
}

/// A logarithmic axis of whole powers of ten.
struct Axis {
    lowest: i32,
    highest: i32,
}

impl Axis {
    fn of<'a>(bars: impl Iterator<Item = &'a Bar>) -> Self {
        let powers = bars.flat_map(|bar| [bar.from, bar.to]).filter(|value| *value > 0.0).map(f64::log10);
        let (lowest, highest) =
            powers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), power| (low.min(power), high.max(power)));
        if lowest > highest {
            return Axis { lowest: 0, highest: 1 };
        }
        let (lowest, highest) = (lowest.floor() as i32, highest.ceil() as i32);
        Axis { lowest, highest: highest.max(lowest + 1) }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.lowest..=self.highest).map(|power| 10_f64.powi(power))
    }

    fn place(&self, value: f64) -> i32 {
        let share = (value.log10() - f64::from(self.lowest)) / f64::from(self.highest - self.lowest);
        LEFT + (share.clamp(0.0, 1.0) * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_names_and_texts() {
        let bar = |server, to, text: &str| Bar { server, from: 1.0, to, dot: false, text: text.to_string() };
        let chart = Chart {
            title: "Rates".to_string(),
            servers: vec!["one".to_string(), "other".to_string()],
            groups: vec![Group { name: "floats".to_string(), bars: vec![bar(0, 1.0, "10/s"), bar(1, 0.02, "1/s")] }],
            tick: |value| value.to_string(),
        };
        let svg = chart.svg().unwrap();
        for text in ["Rates", "other", "floats", "10/s", "0.01", "</svg>"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }

    #[test]
    fn an_axis_holds_all_values() {
        let bar = |from, to| Bar { server: 0, from, to, dot: false, text: String::new() };
        let axis = Axis::of([bar(0.02, 3.0), bar(1.0, 20.0)].iter());
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [0.01, 0.1, 1.0, 10.0, 100.0]);
        assert_eq!((axis.place(0.01), axis.place(100.0)), (LEFT, WIDTH - RIGHT));
    }
}
