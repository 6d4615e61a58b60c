// $NetBSD$
//
// Copyright (c) 2026 The libnfslock authors.
// All rights reserved.
//
// Redistribution and use in source and binary forms, with or without
// modification, are permitted provided that the following conditions
// are met:
// 1. Redistributions of source code must retain the above copyright
//    notice, this list of conditions and the following disclaimer.
// 2. Redistributions in binary form must reproduce the above copyright
//    notice, this list of conditions and the following disclaimer in the
//    documentation and/or other materials provided with the distribution.
//
// THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
// ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
// IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
// ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
// FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
// DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
// OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
// HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
// LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
// OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
// SUCH DAMAGE.

//! Throughput and p99 against the number of processes.

use std::path::Path;

use plotters::prelude::*;

/// One locker's points: processes, and a value.
pub type Line = (String, Vec<(f64, f64)>);

const COLOURS: [RGBColor; 8] = [
    RGBColor(0xd0, 0x1c, 0x1c),
    RGBColor(0x22, 0x22, 0x22),
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xe3, 0x77, 0xc2),
];

const WIDTH: i32 = 900;
/// The margin where the names are.
const LEGEND: i32 = 150;

/// Write an SVG of lines, both axes logarithmic.
pub fn write(path: &Path, title: &str, unit: &str, lines: &[Line]) -> Result<(), String> {
    draw(path, title, unit, lines).map_err(|error| error.to_string())
}

fn draw(
    path: &Path,
    title: &str,
    unit: &str,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let least = points().map(|point| point.1).fold(f64::MAX, f64::min);
    let most = points().map(|point| point.1).fold(f64::MIN, f64::max);
    if least > most {
        return Ok(());
    }
    let last = points().map(|point| point.0).fold(2.0, f64::max);
    let root = SVGBackend::new(path, (WIDTH.unsigned_abs(), 540)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(74)
        .margin_right(LEGEND)
        .build_cartesian_2d(
            (1.0..last * 1.05).log_scale().base(2.0),
            (least * 0.8..most * 1.25).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("processes")
        .y_desc(unit)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&f64::to_string)
        .light_line_style(WHITE)
        .draw()?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let style = colour.stroke_width(if number == 0 { 3 } else { 2 });
        chart.draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?;
        // Beside the chart, where it hides no line.
        let (x, y) = (WIDTH - LEGEND + 14, 60 + 22 * i32::try_from(number)?);
        root.draw(&PathElement::new(vec![(x, y), (x + 22, y)], style))?;
        let at = (x + 28, y - 7);
        root.draw(&Text::new(name.clone(), at, ("sans-serif", 13)))?;
    }
    root.present()?;
    Ok(())
}
