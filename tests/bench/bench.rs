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

//! What is asked for, and the run of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::counts::Counter;
use crate::peers::Peers;
use crate::report::{Report, Row};
use crate::workloads::{self, Context, Place};
use crate::{agents, locks, machine, processes, world};

const USAGE: &str = "\
usage: nfslock-bench [--quick] [--out directory] [--peers directory]
           [--mail-local program] [--archive libnfslock.a]
           [--place directory] ... [row ...]
Rows are named by their beginnings: lock, mail, lock-8, mail-single, size ...
Without --place, the directory of --out and /dev/shm are used.";

#[derive(Default)]
struct Options {
    quick: bool,
    out: PathBuf,
    peers: PathBuf,
    program: PathBuf,
    archive: Option<PathBuf>,
    scratch: Option<PathBuf>,
    places: Vec<PathBuf>,
    /// Locker, mailbox, cycles: for the counters.
    cycle: Vec<String>,
    rows: Vec<String>,
}

fn parse() -> Result<Options, String> {
    let mut options = Options {
        out: "bench".into(),
        program: "/usr/libexec/mail.local".into(),
        ..Options::default()
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| USAGE.to_owned());
        match word.as_str() {
            "--quick" => options.quick = true,
            "--out" => options.out = value()?.into(),
            "--peers" => options.peers = value()?.into(),
            "--mail-local" => options.program = value()?.into(),
            "--archive" => options.archive = Some(value()?.into()),
            "--scratch" => options.scratch = Some(value()?.into()),
            "--place" => options.places.push(value()?.into()),
            "--cycle" => options.cycle = vec![value()?, value()?, value()?],
            row if row.starts_with('-') => return Err(USAGE.to_owned()),
            row => options.rows.push(row.to_owned()),
        }
    }
    Ok(options)
}

/// The whole of the program.
pub fn main() -> Result<(), String> {
    run(parse()?)
}

fn run(options: Options) -> Result<(), String> {
    if let [locker, mailbox, cycles] = options.cycle.as_slice() {
        let scratch = options.scratch.unwrap_or_default();
        let peers = Peers::new(options.peers, scratch);
        let lockers = locks::all(&peers);
        let locker = lockers.iter().find(|one| one.name() == locker);
        let locker = locker.ok_or("no such locker")?;
        let cycles = cycles.parse().map_err(|_| USAGE)?;
        return workloads::locks::cycle(locker.as_ref(), Path::new(mailbox), cycles);
    }
    // SAFETY: takes a number.
    unsafe { libc::umask(0o022) };
    processes::adopt();
    fs::create_dir_all(&options.out).map_err(workloads::told(&options.out))?;
    let out = absolute(&options.out)?;
    let program = absolute(&options.program)?;
    let places = places(&options, &out)?;

    let entered = world::enter(
        &out,
        &absolute(&options.peers).unwrap_or_default(),
        &program,
        &places,
    );
    let (peers, program, why) = match entered {
        Ok((peers, program)) => {
            for place in &places {
                world::check(&place.directory)?;
            }
            (peers, program, None)
        }
        Err(why) => {
            let scratch = out.join("scratch");
            fs::create_dir_all(&scratch).map_err(workloads::told(&scratch))?;
            (Peers::new(options.peers, scratch), program, Some(why))
        }
    };
    let agents = match &why {
        None => {
            agents::furnish(&peers).map_err(|error| error.to_string())?;
            agents::all(&peers, program.clone())
        }
        Some(why) => {
            peers.miss("all delivery agents but ours", why);
            agents::ours_below(program.clone())
        }
    };
    let lockers = locks::all(&peers);
    let counter = Counter::new(&peers.scratch);
    let mut about: Vec<_> = places
        .iter()
        .map(|place| (place.name.clone(), place.directory.as_path()))
        .collect();
    about.sort();
    let mut machine = machine::describe(&about);
    machine.push(("counted".to_owned(), counter.method()));
    let packages: BTreeSet<_> = lockers
        .iter()
        .map(|locker| locker.package())
        .chain(agents.iter().map(|agent| agent.package))
        .filter(|package| !package.is_empty())
        .collect();
    let versions = packages
        .into_iter()
        .map(|package| {
            let version = peers.version(package);
            let version = version.unwrap_or_else(|| "unknown".to_owned());
            (package.to_owned(), version)
        })
        .collect();
    let mut context = Context {
        peers,
        lockers,
        agents,
        counter,
        quick: options.quick,
        wanted: options.rows,
        out: out.clone(),
        inside: why.is_none(),
        archive: options.archive,
        program,
        used: Cell::new(0),
        counted: RefCell::default(),
    };
    let rows = workloads::run(&mut context, &places)?;
    let report = Report {
        machine,
        versions,
        missing: context.peers.missing().into_iter().collect(),
        rows,
    };
    report.write(&out).map_err(workloads::told(&out))?;
    print!("{}", report.table());
    println!("All is in {}", out.display());
    let of_ours = |count: fn(&Row) -> u64| -> u64 {
        let rows = report.rows.iter();
        rows.filter(|row| row.who.starts_with(locks::OURS))
            .map(count)
            .sum()
    };
    match (of_ours(|row| row.lost), of_ours(|row| row.unfinished)) {
        (0, 0) => Ok(()),
        (lost, unfinished) => Err(format!("ours lost {lost}, and did not do {unfinished}")),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(workloads::told(path))
}

/// Where to measure: named by the type of their file systems, or by both.
fn places(options: &Options, out: &Path) -> Result<Vec<Place>, String> {
    let mut directories = options.places.clone();
    if directories.is_empty() {
        directories = vec![out.to_owned()];
        let memory = Path::new(world::MEMORY);
        if memory.is_dir() {
            directories.push(memory.to_owned());
        }
    }
    let mut places: Vec<Place> = Vec::new();
    for directory in directories {
        let directory = absolute(&directory)?;
        let kind = machine::file_system(&directory);
        let mut name = kind.split(' ').next().unwrap_or("unknown").to_owned();
        if places.iter().any(|place| place.name == name) {
            name += &format!("-{}", places.len());
        }
        places.push(Place { name, directory });
    }
    Ok(places)
}
