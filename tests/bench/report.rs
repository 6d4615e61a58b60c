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

//! The table, and the same as JSON.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

/// What a ratio has to be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn met_by(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(limit) => ratio >= limit,
            Self::AtMost(limit) => ratio <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(limit) => format!(">= {limit}"),
            Self::AtMost(limit) => format!("<= {limit}"),
        }
    }
}

/// A line of the table.
#[derive(Clone, Default, Serialize)]
pub struct Row {
    /// What was done.
    pub row: &'static str,
    /// Where.
    pub place: String,
    /// Who did it.
    pub who: String,
    /// Microseconds.
    pub median: Option<f64>,
    pub p99: Option<f64>,
    /// A second.
    pub rate: Option<f64>,
    /// What the ratio is of, and of whom.
    pub against: String,
    pub ratio: Option<f64>,
    pub goal: Option<Goal>,
    pub met: Option<bool>,
    /// For each operation.
    pub system_calls: Option<f64>,
    pub instructions: Option<f64>,
    pub page_faults: Option<f64>,
    pub flushes: Option<f64>,
    /// Kilobytes: the peak of memory, or a size.
    pub kilobytes: Option<f64>,
    /// Updates or messages that were lost, doubled or damaged.
    pub lost: u64,
    /// What was to be done and was not, in time or at all.
    pub unfinished: u64,
    pub note: String,
}

impl Row {
    pub fn of(row: &'static str, place: &str, who: &str) -> Self {
        Self {
            row,
            place: place.to_owned(),
            who: who.to_owned(),
            ..Self::default()
        }
    }

    /// The same row, held against something.
    pub fn held(
        row: &'static str,
        place: &str,
        against: &str,
        ratio: Option<f64>,
        goal: Goal,
    ) -> Self {
        Self {
            against: against.to_owned(),
            ratio,
            goal: Some(goal),
            met: ratio.map(|ratio| goal.met_by(ratio)),
            ..Self::of(row, place, crate::locks::OURS)
        }
    }
}

/// What was run, and where.
#[derive(Serialize)]
pub struct Report {
    pub machine: Vec<(String, String)>,
    pub versions: Vec<(String, String)>,
    pub missing: Vec<(String, String)>,
    pub rows: Vec<Row>,
}

const HEAD: [&str; 14] = [
    "row",
    "place",
    "who",
    "median us",
    "p99 us",
    "/s",
    "ratio",
    "goal",
    "met",
    "against",
    "calls",
    "instr",
    "faults",
    "KB",
];
/// Columns of words, which are flush left.
const WORDS: [usize; 6] = [0, 1, 2, 7, 8, 9];

fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

impl Row {
    fn cells(&self) -> [String; 14] {
        let lost = match self.lost {
            0 => String::new(),
            lost => format!(" LOST {lost}"),
        };
        let note = match self.note.as_str() {
            "" => String::new(),
            note => format!(" ({note})"),
        };
        [
            self.row.to_owned(),
            self.place.clone(),
            self.who.clone() + &lost + &note,
            number(self.median),
            number(self.p99),
            number(self.rate),
            number(self.ratio),
            self.goal.map_or_else(String::new, Goal::text),
            match self.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "NO",
            }
            .to_owned(),
            self.against.clone(),
            number(self.system_calls),
            self.instructions
                .map_or_else(String::new, |count| format!("{count:.0}")),
            number(self.page_faults),
            number(self.kilobytes),
        ]
    }
}

impl Report {
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (title, pairs) in [
            ("machine", &self.machine),
            ("versions", &self.versions),
            ("left out", &self.missing),
        ] {
            for (name, value) in pairs {
                let _ = writeln!(text, "{title}: {name}: {value}");
            }
        }
        let mut lines = vec![HEAD.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let mut widths = [0; HEAD.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut before = "";
        text.push('\n');
        for (line, row) in lines
            .iter()
            .zip(std::iter::once("row").chain(self.rows.iter().map(|row| row.row)))
        {
            if row != before {
                text.push('\n');
            }
            before = row;
            let mut written = String::new();
            for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
                let _ = if WORDS.contains(&column) {
                    write!(written, "{cell:width$}  ")
                } else {
                    write!(written, "{cell:>width$}  ")
                };
            }
            let _ = writeln!(text, "{}", written.trim_end());
        }
        let goals = self.rows.iter().filter_map(|row| row.met);
        let met = goals.clone().filter(|&met| met).count();
        let _ = writeln!(text, "\n{met} of {} goals met", goals.count());
        text
    }

    pub fn write(&self, out: &Path) -> io::Result<()> {
        fs::write(out.join("bench.txt"), self.table())?;
        let json = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        fs::write(out.join("bench.json"), json + "\n")
    }
}
