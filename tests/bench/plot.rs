//! This file draws lines over an axis of numbers, as SVG that needs nothing else.
//! It leaves what is drawn to `document.rs`.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;
/// Told apart by people who see colours differently, too.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// One line of a plot.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// From left to right; none is 0 or less.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A plot. Its horizontal axis grows by factors.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
    /// Whether the vertical axis grows by factors too; else it begins with 0.
    pub(crate) up_by_factors: bool,
    pub(crate) series: Vec<Series>,
}

impl Plot {
    /// The picture; none without points.
    pub(crate) fn draw(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let across: Vec<f64> = points().map(|point| point.0).collect();
        let up: Vec<f64> = points().map(|point| point.1).collect();
        let (from, to) = (lowest(&across)?, highest(&across)?);
        let (bottom, top) = if self.up_by_factors {
            (power_below(lowest(&up)?), power_below(highest(&up)?) * 10.0)
        } else {
            (0.0, round_above(highest(&up)?))
        };
        let x = |value: f64| {
            let share = if to > from { (value / from).ln() / (to / from).ln() } else { 0.5 };
            LEFT + share * (WIDTH - LEFT - RIGHT)
        };
        let y = |value: f64| {
            let share = if self.up_by_factors {
                (value / bottom).ln() / (top / bottom).ln()
            } else {
                value / top
            };
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" fill=\"#222\">{}</text>\n",
            self.title
        );
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        label(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0, "middle", self.across);
        let _ = writeln!(
            out,
            "<text x=\"18\" y=\"{middle}\" fill=\"#444\" text-anchor=\"middle\" \
             transform=\"rotate(-90 18 {middle})\">{}</text>",
            self.up
        );
        for value in self.ticks(bottom, top) {
            let (at, end) = (y(value), WIDTH - RIGHT);
            line(&mut out, (LEFT, at), (end, at), "#ddd");
            label(&mut out, LEFT - 8.0, at + 4.0, "end", &short(value));
        }
        let mut marks = across;
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        for value in marks {
            line(&mut out, (x(value), HEIGHT - BOTTOM), (x(value), HEIGHT - BOTTOM + 5.0), "#888");
            label(&mut out, x(value), HEIGHT - BOTTOM + 19.0, "middle", &short(value));
        }
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let at = TOP + 10.0 + 20.0 * number as f64;
            let points: Vec<(f64, f64)> =
                series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            curve(&mut out, &points, colour);
            line(&mut out, (WIDTH - RIGHT + 14.0, at), (WIDTH - RIGHT + 34.0, at), colour);
            label(&mut out, WIDTH - RIGHT + 40.0, at + 4.0, "start", &series.name);
        }
        out.push_str("</svg>\n");
        Some(out)
    }

    fn ticks(&self, bottom: f64, top: f64) -> Vec<f64> {
        if !self.up_by_factors {
            return (0..=5).map(|step| top * f64::from(step) / 5.0).collect();
        }
        let mut ticks = vec![bottom];
        while let Some(last) = ticks.last().filter(|last| **last * 9.0 < top) {
            ticks.push(last * 10.0);
        }
        ticks
    }
}

fn curve(out: &mut String, points: &[(f64, f64)], colour: &str) {
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let path = path.join(" ");
    let _ = writeln!(
        out,
        "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
    );
    for (x, y) in points {
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
    }
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#444\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

/// A number as it is said.
fn short(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{} k", value / 1000.0),
        value if value >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    }
}

fn lowest(values: &[f64]) -> Option<f64> {
    values.iter().copied().filter(|value| *value > 0.0).min_by(f64::total_cmp)
}

fn highest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

fn power_below(value: f64) -> f64 {
    10_f64.powf(value.log10().floor())
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn round_above(value: f64) -> f64 {
    let power = power_below(value);
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|at| *at >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(up_by_factors: bool, points: &[(f64, f64)]) -> Option<String> {
        let series = vec![Series { name: "a < b".to_owned(), points: points.to_vec() }];
        Plot { title: "t", across: "x", up: "y", up_by_factors, series }.draw()
    }

    #[test]
    fn every_point_is_within_the_axes() {
        for by_factors in [false, true] {
            let drawn = plot(by_factors, &[(1.0, 3.0), (16.0, 90.0), (300.0, 1234.0)]).unwrap();
            let points = drawn.lines().filter_map(|line| line.strip_prefix("<circle cx=\""));
            let places: Vec<(f64, f64)> = points
                .map(|rest| {
                    let (x, rest) = rest.split_once("\" cy=\"").unwrap();
                    let (y, _) = rest.split_once('"').unwrap();
                    (x.parse().unwrap(), y.parse().unwrap())
                })
                .collect();
            assert_eq!(places.len(), 3);
            assert!(places.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 > two[1].1));
            for (x, y) in places {
                assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
                assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{y}");
            }
            assert!(drawn.contains("a &lt; b"));
        }
    }

    #[test]
    fn nothing_makes_no_picture() {
        assert!(plot(true, &[]).is_none());
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, expected) in [(3.0, 5.0), (21.0, 25.0), (99.0, 100.0), (0.7, 1.0)] {
            assert!((round_above(value) - expected).abs() < 1e-9, "{value}");
        }
    }
}
