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

//! Locks: alone, in contention, left behind.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::counts::Counts;
use crate::locks::{Locker, EXCL, EXCL_CHECKED, FLOCK, LIBLOCKFILE, OURS, OURS_KEPT};
use crate::measure::{alternate, ratio, Samples};
use crate::plot;
use crate::processes::{self, Record, Shared};
use crate::report::{Goal, Row};
use crate::workloads::{run_wanted, told, Context, Named, Place, Result};

/// How long a holder is at work, where it is.
const HELD: Duration = Duration::from_millis(1);
/// How long those may take that are at it when the time is up.
const GRACE: Duration = Duration::from_millis(150);

/// When a run ends.
#[derive(Clone, Copy)]
enum Until {
    Cycles(u64),
    Time(Duration),
}

/// Processes that all do the same.
struct Contention<'a> {
    locker: &'a dyn Locker,
    processes: usize,
    held: Duration,
    until: Until,
    /// Each process has a mailbox of its own: all in one directory, or each in
    /// its own.
    mailboxes: Mailboxes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mailboxes {
    One,
    Each,
    EachInDirectory,
}

/// What several runs came to.
#[derive(Default)]
struct Outcome {
    samples: Samples,
    lost: u64,
    failed: u64,
    /// Those that never had the lock in all of a round: each is one sample
    /// among thousands of the others', and no p99 shows it.
    starved: u64,
}

impl Outcome {
    fn row(&self, row: &'static str, place: &Place, who: &str) -> Row {
        Row {
            median: self.samples.median(),
            p99: self.samples.p99(),
            rate: self.samples.rate(),
            lost: self.lost,
            note: [(self.starved, "starved"), (self.failed, "tries failed")]
                .iter()
                .filter(|(count, _)| *count != 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect::<Vec<_>>()
                .join(", "),
            ..Row::of(row, &place.name, who)
        }
    }

    /// Who loses is not ranked.
    fn rate(&self) -> Option<f64> {
        self.samples.rate().filter(|_| self.lost == 0)
    }

    fn p99(&self) -> Option<f64> {
        self.samples.p99().filter(|_| self.lost == 0)
    }
}

/// What a lost update is seen by.
struct Work {
    count: AtomicU64,
    inside: AtomicU64,
    overlaps: AtomicU64,
}

// SAFETY: atomics alone.
unsafe impl processes::Plain for Work {}

impl Contention<'_> {
    /// Once, in a new directory.
    fn run(&self, context: &Context, place: &Place, outcome: &mut Outcome) -> Result<()> {
        context.in_new(place, |directory| self.run_in(directory, outcome))
    }

    fn run_in(&self, directory: &Path, outcome: &mut Outcome) -> Result<()> {
        let fail = told(directory);
        let records = Shared::<Record>::new(self.processes).map_err(&fail)?;
        let works = Shared::<Work>::new(match self.mailboxes {
            Mailboxes::One => 1,
            _ => self.processes,
        })
        .map_err(&fail)?;
        let stop = Shared::<AtomicU64>::new(1).map_err(&fail)?;
        let limit = match self.until {
            Until::Time(time) => time,
            Until::Cycles(_) => Duration::from_secs(60),
        };
        let began = processes::at_once(
            self.processes,
            limit + GRACE,
            |number| {
                let mailbox = match self.mailboxes {
                    Mailboxes::One => directory.join("mailbox"),
                    Mailboxes::Each => directory.join(format!("mailbox{number}")),
                    Mailboxes::EachInDirectory => {
                        let own = directory.join(number.to_string());
                        std::fs::create_dir_all(&own).expect("a directory");
                        own.join("mailbox")
                    }
                };
                self.locker.open(&mailbox).expect("a lock to open")
            },
            |number, mut lock| {
                // Whoever comes first sets the end, for all.
                let end = processes::now() + processes::nanoseconds(limit);
                let end = match stop[0].compare_exchange(0, end, Ordering::SeqCst, Ordering::SeqCst)
                {
                    Ok(_) => end,
                    Err(end) => end,
                };
                let work = &works[number % works.len()];
                self.work(lock.as_mut(), end, work, &records[number]);
            },
        )
        .map_err(&fail)?;
        let end = stop[0].load(Ordering::SeqCst);
        let mut done = 0;
        let mut last = began;
        for record in records.iter() {
            done += record.done.load(Ordering::SeqCst);
            outcome.failed += record.failed.load(Ordering::SeqCst);
            last = last.max(record.ended.load(Ordering::SeqCst));
            outcome.samples.extend(record.samples());
            // A wait that has no end yet is at least as long as this.
            let since = record.since.load(Ordering::SeqCst);
            if since != 0 && since < end {
                outcome.samples.extend([end - since]);
            }
            if record.ended.load(Ordering::SeqCst) == 0 {
                outcome.starved += 1;
            }
        }
        let elapsed = match self.until {
            Until::Time(time) => processes::nanoseconds(time),
            Until::Cycles(_) => last - began,
        };
        outcome.samples.add_rate(done, elapsed);
        // Whoever was killed between its update and the record of it made one
        // more; it never is one less.
        let count: u64 = works
            .iter()
            .map(|work| work.count.load(Ordering::SeqCst))
            .sum();
        let overlaps: u64 = works
            .iter()
            .map(|work| work.overlaps.load(Ordering::SeqCst))
            .sum();
        outcome.lost += done.saturating_sub(count) + overlaps;
        Ok(())
    }

    /// What one process does.
    fn work(&self, lock: &mut dyn crate::locks::Lock, end: u64, work: &Work, record: &Record) {
        let contended = !self.held.is_zero();
        for cycle in 0.. {
            let since = processes::now();
            match self.until {
                Until::Cycles(cycles) if cycle == cycles => break,
                _ if since >= end => break,
                _ => {}
            }
            record.since.store(since, Ordering::Relaxed);
            // Commands give up after some tries; who waits tries again.
            while lock.acquire().is_err() {
                record.failed.fetch_add(1, Ordering::Relaxed);
                if processes::now() >= end {
                    return;
                }
            }
            let acquired = processes::now();
            let count = work.count.load(Ordering::SeqCst);
            if contended {
                // After the end, holders are killed at their work.
                if work.inside.fetch_add(1, Ordering::SeqCst) != 0 && acquired < end {
                    work.overlaps.fetch_add(1, Ordering::SeqCst);
                }
                sleep(self.held);
                work.inside.fetch_sub(1, Ordering::SeqCst);
            }
            work.count.store(count + 1, Ordering::SeqCst);
            if lock.release().is_err() {
                record.failed.fetch_add(1, Ordering::Relaxed);
            }
            let released = processes::now();
            record.since.store(0, Ordering::Relaxed);
            record.add(if contended {
                acquired - since
            } else {
                released - since
            });
            record.ended.store(released, Ordering::Relaxed);
            // What came too late is no part of the rate.
            if released < end || matches!(self.until, Until::Cycles(_)) {
                record.done.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

pub fn run(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let workloads: [Named; 5] = [
        (ALONE, alone),
        (CONTENDED, contended),
        (MANY, many),
        (TAKEOVER, takeover),
        (CURVE, curve),
    ];
    run_wanted(context, place, rows, &workloads)
}

const ALONE: &str = "lock-alone";
const CONTENDED: &str = "lock-8";
const MANY: &str = "lock-64";
const TAKEOVER: &str = "lock-takeover";
const CURVE: &str = "lock-curve";

fn outcomes<'a>(lockers: &[&'a dyn Locker]) -> Vec<(&'a dyn Locker, Outcome)> {
    lockers
        .iter()
        .map(|&locker| (locker, Outcome::default()))
        .collect()
}

fn of<'a>(all: &'a [(&dyn Locker, Outcome)], name: &str) -> Option<&'a Outcome> {
    all.iter()
        .find(|(locker, _)| locker.name() == name)
        .map(|(_, outcome)| outcome)
}

/// Is it one of ours, however it is called?
fn is_ours(name: &str) -> bool {
    name.starts_with(OURS)
}

/// Whoever does not work on this machine is left out.
pub fn try_out(context: &mut Context, place: &Place) -> Result<()> {
    let mut lockers = std::mem::take(&mut context.lockers);
    let mut failures = Vec::new();
    for locker in &lockers {
        let told = Shared::<AtomicU64>::new(1).map_err(|error| error.to_string())?;
        context.in_new(place, |directory| {
            let mailbox = directory.join("mailbox");
            let work = |_, ()| match cycle(locker.as_ref(), &mailbox, 1) {
                Ok(()) => told[0].store(1, Ordering::SeqCst),
                Err(why) => eprintln!("bench: {}: {why}", locker.name()),
            };
            processes::at_once(1, Duration::from_secs(10), |_| (), work)
                .map(drop)
                .map_err(crate::workloads::told(directory))
        })?;
        failures.push(told[0].load(Ordering::SeqCst) == 0);
    }
    let mut failed = failures.into_iter();
    lockers.retain(|locker| {
        let works = !failed.next().unwrap_or(true);
        if !works {
            context.peers.miss(locker.name(), "it does not work here");
        }
        works
    });
    context.lockers = lockers;
    Ok(())
}

/// Nobody else, and no other work in the loop.
fn alone(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let lockers: Vec<_> = context.lockers.iter().map(AsRef::as_ref).collect();
    let mut all = outcomes(&lockers);
    let order: Vec<_> = (0..all.len()).collect();
    alternate(context.pick(30, 4), &order, |_, &number| {
        let (locker, outcome) = &mut all[number];
        let cycles = if locker.executes() {
            context.pick(4, 1)
        } else {
            context.pick(500, 100)
        };
        Contention {
            locker: *locker,
            processes: 1,
            held: Duration::ZERO,
            until: Until::Cycles(cycles),
            mailboxes: Mailboxes::One,
        }
        .run(context, place, outcome)
    })?;
    for (locker, outcome) in &all {
        let mut row = outcome.row(ALONE, place, locker.name());
        let counts = count_cycle(context, place, *locker)?;
        row.system_calls = counts.system_calls;
        row.instructions = counts.instructions;
        let calls = row.system_calls;
        rows.push(row);
        if !is_ours(locker.name()) {
            continue;
        }
        let mut hold = |against: &str, ratio, goal| {
            let mut row = Row::held(ALONE, &place.name, against, ratio, goal);
            locker.name().clone_into(&mut row.who);
            rows.push(row);
        };
        let to = |name| ratio(outcome.rate(), of(&all, name).and_then(Outcome::rate));
        hold(LIBLOCKFILE, to(LIBLOCKFILE), Goal::AtLeast(1.15));
        // A program that locks in a loop keeps its handle.
        if locker.name() == OURS_KEPT {
            hold(EXCL, to(EXCL), Goal::AtLeast(0.6));
            hold(EXCL_CHECKED, to(EXCL_CHECKED), Goal::AtLeast(0.6));
            hold("system calls", calls, Goal::AtMost(7.0));
        }
    }
    Ok(())
}

/// What one cycle takes: the difference between many and few.  Of several
/// runs the least, since now and then ours tidies up, for many more.
fn count_cycle(context: &Context, place: &Place, locker: &dyn Locker) -> Result<Counts> {
    if let Some(&counts) = context.counted.borrow().get(locker.name()) {
        return Ok(counts);
    }
    let (few, many, runs) = match (locker.executes(), is_ours(locker.name())) {
        (true, _) => (1, 2, 1),
        // Beyond what a handle that is kept makes once.
        (_, true) => (11, 21, context.pick(6, 1)),
        _ => (1, 11, 1),
    };
    let count = |cycles: u64| {
        let mut least = Counts::default();
        for _ in 0..runs {
            let counts = context.in_new(place, |directory| {
                let myself = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new(myself);
                command
                    .arg("--peers")
                    .arg(&context.peers.unpacked)
                    .arg("--scratch")
                    .arg(&context.peers.scratch)
                    .args(["--cycle", locker.name()])
                    .arg(directory.join("mailbox"))
                    .arg(cycles.to_string());
                let instructions = !(context.quick && locker.executes());
                Ok(context.counter.count(&command, &|_| {}, instructions))
            })?;
            least = least.least(counts);
        }
        Ok::<_, String>(least)
    };
    let counts = count(many)?.difference(count(few)?, (many - few) as f64);
    if locker.executes() || context.quick {
        let mut counted = context.counted.borrow_mut();
        counted.insert(locker.name().to_owned(), counts);
    }
    Ok(counts)
}

/// What count_cycle() has counted.
pub fn cycle(locker: &dyn Locker, mailbox: &Path, cycles: u64) -> Result<()> {
    let mut lock = locker.open(mailbox).map_err(told(mailbox))?;
    for _ in 0..cycles {
        lock.acquire().map_err(told(mailbox))?;
        lock.release().map_err(told(mailbox))?;
    }
    Ok(())
}

/// Those that wait.
fn waiting(context: &Context) -> Vec<&dyn Locker> {
    let lockers = context.lockers.iter().map(AsRef::as_ref);
    lockers.filter(|locker| locker.waits()).collect()
}

/// Eight processes on one lock.
fn contended(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let mut all = outcomes(&waiting(context));
    let order: Vec<_> = (0..all.len()).collect();
    let time = context.pick(Duration::from_secs(1), Duration::from_millis(150));
    alternate(context.pick(3, 1), &order, |_, &number| {
        let (locker, outcome) = &mut all[number];
        Contention {
            locker: *locker,
            processes: 8,
            held: HELD,
            until: Until::Time(time),
            mailboxes: Mailboxes::One,
        }
        .run(context, place, outcome)
    })?;
    for (locker, outcome) in &all {
        rows.push(outcome.row(CONTENDED, place, locker.name()));
        if !is_ours(locker.name()) {
            continue;
        }
        let limit = of(&all, FLOCK);
        let rate = ratio(outcome.rate(), limit.and_then(Outcome::rate));
        let wait = ratio(outcome.p99(), limit.and_then(Outcome::p99));
        for (against, ratio, goal) in [
            ("flock, rate", rate, Goal::AtLeast(0.9)),
            ("flock, p99 of waits", wait, Goal::AtMost(1.5)),
        ] {
            let mut row = Row::held(CONTENDED, &place.name, against, ratio, goal);
            locker.name().clone_into(&mut row.who);
            rows.push(row);
        }
    }
    Ok(())
}

/// Sixty-four processes: on one lock, and each on its own.
fn many(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let time = context.pick(Duration::from_secs(1), Duration::from_millis(150));
    let ours = waiting(context)
        .into_iter()
        .filter(|one| is_ours(one.name()));
    for locker in ours {
        let kinds = [
            ("8 on one", 8, Mailboxes::One, HELD),
            ("64 on one", 64, Mailboxes::One, HELD),
            ("64 locks, one directory", 64, Mailboxes::Each, HELD),
            (
                "64 locks, 64 directories",
                64,
                Mailboxes::EachInDirectory,
                HELD,
            ),
        ];
        let mut all: [Outcome; 4] = Default::default();
        alternate(context.pick(3, 1), &[0, 1, 2, 3], |_, &number| {
            let (_, processes, mailboxes, held) = kinds[number];
            Contention {
                locker,
                processes,
                held,
                until: Until::Time(time),
                mailboxes,
            }
            .run(context, place, &mut all[number])
        })?;
        for ((kind, ..), outcome) in kinds.iter().zip(&all) {
            rows.push(outcome.row(MANY, place, &format!("{}, {kind}", locker.name())));
        }
        for (of, to, against) in [
            (1, 0, "64 on one, by 8 on one"),
            (2, 3, "one directory, by 64"),
        ] {
            let ratio = ratio(all[of].rate(), all[to].rate());
            let mut row = Row::held(MANY, &place.name, against, ratio, Goal::AtLeast(0.8));
            locker.name().clone_into(&mut row.who);
            rows.push(row);
        }
    }
    Ok(())
}

/// A holder is killed: how long is it until another has the lock, which waits
/// already, or comes then?
fn takeover(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let rounds = context.pick(30, 5);
    let ours = waiting(context)
        .into_iter()
        .filter(|one| is_ours(one.name()));
    for locker in ours {
        for waits in [true, false] {
            let mut samples = Samples::default();
            for _ in 0..rounds {
                let taken = context.in_new(place, |directory| {
                    take_over(locker, &directory.join("mailbox"), waits).map_err(told(directory))
                })?;
                samples.extend([taken]);
            }
            let how = if waits { "waiting" } else { "coming" };
            let mut row = Row::of(TAKEOVER, &place.name, locker.name());
            row.who += &format!(", {how}");
            row.median = samples.median();
            row.p99 = samples.p99();
            rows.push(row);
            let median = samples.median().map(|median| median / 1000.0);
            let against = format!("ms, {how}");
            let mut row = Row::held(TAKEOVER, &place.name, &against, median, Goal::AtMost(10.0));
            locker.name().clone_into(&mut row.who);
            rows.push(row);
        }
    }
    Ok(())
}

fn take_over(locker: &dyn Locker, mailbox: &Path, waits: bool) -> std::io::Result<u64> {
    let told = Shared::<AtomicU64>::new(2)?;
    let take = |slot: &AtomicU64| {
        let mut lock = locker.open(mailbox).expect("a lock to open");
        lock.acquire().expect("a lock");
        slot.store(processes::now(), Ordering::SeqCst);
        lock
    };
    let limit = Duration::from_secs(20);
    let wait_for = |slot: &AtomicU64| {
        let began = processes::now();
        while slot.load(Ordering::SeqCst) == 0 {
            if processes::now() - began > processes::nanoseconds(limit) {
                return Err(std::io::Error::other("no lock within 20 seconds"));
            }
            sleep(Duration::from_micros(100));
        }
        Ok(slot.load(Ordering::SeqCst))
    };
    let holder = processes::fork(|| {
        let _lock = take(&told[0]);
        sleep(limit);
    })?;
    let held = wait_for(&told[0]);
    let next = || {
        processes::fork(|| {
            let mut lock = take(&told[1]);
            let _ = lock.release();
        })
    };
    let mut waiter = None;
    if waits {
        waiter = Some(next()?);
        sleep(Duration::from_millis(20));
    }
    let mut killed = processes::now();
    processes::kill(holder);
    let waiter = match waiter {
        Some(waiter) => waiter,
        None => {
            killed = processes::now();
            next()?
        }
    };
    let taken = held.and_then(|_| wait_for(&told[1]));
    if taken.is_ok() {
        sleep(Duration::from_millis(1));
    }
    processes::kill(waiter);
    Ok(taken?.saturating_sub(killed))
}

/// From one process to sixty-four, for the plots.
fn curve(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let counts: &[usize] = context.pick(&[1, 2, 4, 8, 16, 32, 64], &[1, 8]);
    let mut lockers = waiting(context);
    // Ours are drawn first.
    lockers.sort_by_key(|locker| !is_ours(locker.name()));
    let mut rates: Vec<plot::Line> = Vec::new();
    let mut waits: Vec<plot::Line> = Vec::new();
    for locker in &lockers {
        rates.push((locker.name().to_owned(), Vec::new()));
        waits.push((locker.name().to_owned(), Vec::new()));
    }
    let time = context.pick(Duration::from_millis(700), Duration::from_millis(100));
    for &processes in counts {
        let mut all = outcomes(&lockers);
        for (number, (locker, outcome)) in all.iter_mut().enumerate() {
            Contention {
                locker: *locker,
                processes,
                held: HELD,
                until: Until::Time(time),
                mailboxes: Mailboxes::One,
            }
            .run(context, place, outcome)?;
            let mut row = outcome.row(CURVE, place, locker.name());
            row.who += &format!(", {processes}");
            rows.push(row);
            if outcome.lost != 0 {
                continue;
            }
            let at = processes as f64;
            if let Some(rate) = outcome.rate().filter(|&rate| rate > 0.0) {
                rates[number].1.push((at, rate));
            }
            if let Some(p99) = outcome.p99() {
                waits[number].1.push((at, (p99 / 1000.0).max(0.001)));
            }
        }
    }
    for (name, title, unit, lines) in [
        ("throughput", "Locks of 1 ms a second", "locks/s", &rates),
        ("p99", "99 of 100 waits are shorter", "ms", &waits),
    ] {
        let path = context.out.join(format!("{name}-{}.svg", place.name));
        let title = format!("{title}: {}", place.name);
        plot::write(&path, &title, unit, lines)?;
    }
    Ok(())
}
