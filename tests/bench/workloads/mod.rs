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

//! The rows of the table.

pub mod deliveries;
pub mod locks;
pub mod sizes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::agents::Agent;
use crate::counts::{Counter, Counts};
use crate::locks::Locker;
use crate::peers::Peers;
use crate::report::Row;

/// A directory on some file system.
pub struct Place {
    pub name: String,
    pub directory: PathBuf,
}

/// What all workloads need.
pub struct Context {
    pub peers: Peers,
    pub lockers: Vec<Box<dyn Locker>>,
    pub agents: Vec<Agent>,
    pub counter: Counter,
    /// Small counts.
    pub quick: bool,
    /// The rows that are wanted, by the beginning of their names; all, if none.
    pub wanted: Vec<String>,
    /// Where the report goes.
    pub out: PathBuf,
    /// Is /var/mail ours?
    pub inside: bool,
    /// The library and the program that were installed.
    pub archive: Option<PathBuf>,
    pub program: PathBuf,
    /// How many directories, or numbers of loads, are used up.
    pub used: Cell<u64>,
    /// What commands of others come to, which is the same everywhere.
    pub counted: RefCell<BTreeMap<String, Counts>>,
}

pub type Result<T> = std::result::Result<T, String>;

impl Context {
    pub fn wants(&self, row: &str) -> bool {
        self.wanted.is_empty()
            || self
                .wanted
                .iter()
                .any(|wanted| row.starts_with(wanted.as_str()))
    }

    /// One or the other.
    pub fn pick<T>(&self, all: T, quick: T) -> T {
        if self.quick {
            quick
        } else {
            all
        }
    }

    /// A number that nobody had.
    pub fn next(&self) -> u64 {
        self.used.set(self.used.get() + 1);
        self.used.get()
    }

    /// Run something in a new directory, which is removed after it.
    pub fn in_new<T>(&self, place: &Place, run: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        self.used.set(self.used.get() + 1);
        let directory =
            place
                .directory
                .join(format!("bench.{}.{}", std::process::id(), self.used.get()));
        fs::create_dir_all(&directory).map_err(told(&directory))?;
        let result = run(&directory);
        fs::remove_dir_all(&directory).map_err(told(&directory))?;
        result
    }
}

pub fn told(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

/// A workload, and what its rows are called.
pub type Named = (
    &'static str,
    fn(&Context, &Place, &mut Vec<Row>) -> Result<()>,
);

/// The rows of those that are wanted.
pub fn run_wanted(
    context: &Context,
    place: &Place,
    rows: &mut Vec<Row>,
    workloads: &[Named],
) -> Result<()> {
    for (name, workload) in workloads {
        if context.wants(name) {
            // Standard output is the table's.
            eprintln!("bench: {name} {} ...", place.name);
            workload(context, place, rows)?;
        }
    }
    Ok(())
}

/// The rows of all workloads.
pub fn run(context: &mut Context, places: &[Place]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if let Some(place) = places.first() {
        locks::try_out(context, place)?;
        deliveries::try_out(context, place)?;
    }
    let context = &*context;
    for place in places {
        locks::run(context, place, &mut rows)?;
        deliveries::run(context, place, &mut rows)?;
    }
    sizes::run(context, &mut rows);
    // By workload, then by place.
    let order: Vec<_> = rows.iter().map(|row| row.row).collect();
    rows.sort_by_key(|row| order.iter().position(|&name| name == row.row));
    Ok(rows)
}
