//! Curves as SVG.

use std::path::Path;

use plotters::prelude::*;

/// Microseconds for each number of things.
pub struct Curve {
    pub name: String,
    pub points: Vec<(usize, f64)>,
}

const COLOURS: [RGBColor; 12] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xe3, 0x77, 0xc2),
    RGBColor(0x7f, 0x7f, 0x7f),
    RGBColor(0xbc, 0xbd, 0x22),
    RGBColor(0x17, 0xbe, 0xcf),
    RGBColor(0x00, 0x00, 0x80),
    RGBColor(0x00, 0x80, 0x00),
];

/// Draws the curves, both axes logarithmic.
pub fn draw(path: &Path, title: &str, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
    let micros = || curves.iter().flat_map(|curve| curve.points.iter().map(|(_, micros)| *micros));
    let lowest = micros().fold(f64::INFINITY, f64::min) / 2.0;
    let highest = micros().fold(0.0, f64::max) * 2.0;
    let area = SVGBackend::new(path, (900, 640)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .right_y_label_area_size(10)
        .build_cartesian_2d((1.0..100_000.0_f64).log_scale(), (lowest..highest).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("how many there are")
        .y_desc("microseconds of CPU time")
        .light_line_style(RGBColor(0xf0, 0xf0, 0xf0))
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|micros| format!("{micros}"))
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS) {
        let points = curve.points.iter().map(|(count, micros)| (*count as f64, *micros));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(0xc0, 0xc0, 0xc0))
        .draw()?;
    area.present()?;
    Ok(())
}
