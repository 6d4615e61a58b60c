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

//! Deliveries: one, many at once, large ones, and into large mailboxes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::agents::Agent;
use crate::counts::{self, Counts};
use crate::locks::OURS;
use crate::measure::{alternate, ratio, Samples};
use crate::messages::Message;
use crate::processes::{self, Record, Shared};
use crate::report::{Goal, Row};
use crate::workloads::{run_wanted, told, Context, Named, Place, Result};
use crate::world;

const SMALL: u64 = 4096;

/// Who puts messages into mailboxes.
#[derive(Clone, Copy)]
enum Deliverer<'a> {
    Agent(&'a Agent),
    /// An open, write, fsync and close: what the disk allows.
    Append,
    /// cat into the mailbox, and fsync.
    Cat,
}

const APPEND: &str = "append+fsync";
const CAT: &str = "cat+fsync";

impl Deliverer<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Agent(agent) => agent.name,
            Self::Append => APPEND,
            Self::Cat => CAT,
        }
    }

    fn is_ours(&self) -> bool {
        self.name() == OURS
    }

    /// Does it quote what a reader would take for the next message?
    fn quotes(&self) -> bool {
        matches!(self, Self::Agent(_))
    }

    fn mailbox(&self, recipient: usize, directory: &Path) -> PathBuf {
        match self {
            Self::Agent(agent) => agent.mailbox(recipient, directory),
            _ => directory.join(format!("floor{recipient}")),
        }
    }
}

/// The same message again and again, by some processes to some mailboxes.
struct Load<'a> {
    deliverer: Deliverer<'a>,
    processes: usize,
    /// By each of them.
    each: u64,
    /// One mailbox for all, or one for each; the first is this user's.
    first: usize,
    one_mailbox: bool,
    limit: Duration,
}

#[derive(Default)]
struct Outcome {
    samples: Samples,
    done: u64,
    wanted: u64,
    lost: u64,
    failed: u64,
    faults: u64,
}

impl Outcome {
    fn unfinished(&self) -> u64 {
        self.wanted - self.done
    }

    /// Did all that was wanted come to its end, and to its mailbox?
    fn is_whole(&self) -> bool {
        self.lost == 0 && self.done > 0 && self.unfinished() == 0
    }

    fn row(&self, row: &'static str, place: &Place, who: &str) -> Row {
        let mut notes = Vec::new();
        if self.failed != 0 {
            notes.push(format!("{} failed", self.failed));
        }
        if self.unfinished() != 0 {
            notes.push(format!("{} of {} in time", self.done, self.wanted));
        }
        Row {
            median: self.samples.median(),
            p99: self.samples.p99(),
            rate: self.samples.rate(),
            page_faults: Some(self.faults as f64 / self.done.max(1) as f64)
                .filter(|&faults| faults > 0.0),
            lost: self.lost,
            unfinished: self.unfinished(),
            note: notes.join(", "),
            ..Row::of(row, &place.name, who)
        }
    }

    /// What may be ranked: of what was killed at its limit, nobody knows how
    /// long the rest would have taken.
    fn ranked(&self, value: Option<f64>) -> Option<f64> {
        value.filter(|_| self.is_whole())
    }

    fn rate(&self) -> Option<f64> {
        self.ranked(self.samples.rate())
    }

    fn median(&self) -> Option<f64> {
        self.ranked(self.samples.median())
    }
}

/// Ours, held against something.  What it lost, or did not do in time, meets
/// no goal.
fn held(
    ours: &[&Outcome],
    row: &'static str,
    place: &Place,
    against: &str,
    ratio: Option<f64>,
    goal: Goal,
) -> Row {
    let mut held = Row::held(row, &place.name, against, ratio, goal);
    if !ours.iter().all(|outcome| outcome.is_whole()) {
        held.met = Some(false);
    }
    held
}

/// How often a worker tries again what failed.
const TRIES: u64 = 5;

/// Copies have numbers that differ between workers, and between loads: nobody
/// is to be taken for another who was late.
const NUMBERS: u64 = 1_000_000;
const LOADS: u64 = 100 * NUMBERS;

impl<'a> Load<'a> {
    /// One message.
    fn one(deliverer: Deliverer<'a>, first: usize, limit: Duration) -> Self {
        Self {
            deliverer,
            processes: 1,
            each: 1,
            first,
            one_mailbox: true,
            limit,
        }
    }

    fn recipient(&self, worker: usize) -> usize {
        self.first + if self.one_mailbox { 0 } else { worker }
    }

    /// Deliver, and account for all.
    fn run(
        &self,
        context: &Context,
        directory: &Path,
        message: &Message,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let first = context.next() * LOADS;
        let fail = told(directory);
        let records = Shared::<Record>::new(self.processes).map_err(&fail)?;
        let before: Vec<u64> = (0..self.processes)
            .map(|worker| {
                let mailbox = self.deliverer.mailbox(self.recipient(worker), directory);
                mailbox.metadata().map_or(0, |about| about.len())
            })
            .collect();
        let began = processes::at_once(
            self.processes,
            self.limit,
            |worker| {
                let recipient = self.recipient(worker);
                let copy = message.copy().expect("memory");
                if let Deliverer::Agent(agent) = self.deliverer {
                    agent.become_caller(recipient);
                }
                copy
            },
            |worker, copy| {
                let number = worker as u64 * NUMBERS + first;
                self.work(worker, directory, &copy, number, &records[worker]);
            },
        )
        .map_err(&fail)?;
        let limit = processes::nanoseconds(self.limit);
        // The deliveries that were killed.
        let cut = |worker: usize| {
            Some(records[worker].since.load(Ordering::SeqCst)).filter(|&since| since != 0)
        };
        let (mut done, mut last) = (0, began);
        for (worker, record) in records.iter().enumerate() {
            let count = record.done.load(Ordering::SeqCst);
            done += count;
            last = last.max(record.ended.load(Ordering::SeqCst));
            outcome.samples.extend(record.samples());
            // It took that long at least.
            let least = cut(worker).map(|since| (began + limit).saturating_sub(since));
            outcome.samples.extend(least);
            outcome.failed += record.failed.load(Ordering::SeqCst);
            outcome.faults += record.faults.load(Ordering::SeqCst);
            let mailbox = self.deliverer.mailbox(self.recipient(worker), directory);
            if self.one_mailbox && worker != 0 {
                continue;
            }
            let workers = if self.one_mailbox {
                0..self.processes
            } else {
                worker..worker + 1
            };
            let killed = workers.clone().filter_map(cut).count() as u64;
            let expected = workers.flat_map(|worker| {
                let count = records[worker].done.load(Ordering::SeqCst);
                let number = worker as u64 * NUMBERS + first;
                number..number + count
            });
            outcome.lost += account(
                &mailbox,
                before[worker],
                message,
                expected,
                killed,
                self.deliverer.quotes(),
            );
        }
        let wanted = self.processes as u64 * self.each;
        outcome.done += done;
        outcome.wanted += wanted;
        // Who did not do all would have the time left out in which nothing
        // came to its end.
        let elapsed = if done < wanted {
            limit.max(last - began)
        } else {
            last - began
        };
        outcome.samples.add_rate(done, elapsed);
        Ok(())
    }

    fn work(&self, worker: usize, directory: &Path, copy: &Message, first: u64, record: &Record) {
        let recipient = self.recipient(worker);
        let mailbox = self.deliverer.mailbox(recipient, directory);
        let mut failures = 0;
        let mut number = first;
        while number < first + self.each && failures < TRIES {
            let input = copy.numbered(number).expect("memory");
            // What is no agent has its message ready.
            let text = match self.deliverer {
                Deliverer::Append => copy.bytes().expect("memory"),
                _ => Vec::new(),
            };
            let began = processes::now();
            record.since.store(began, Ordering::SeqCst);
            let done = match self.deliverer {
                Deliverer::Agent(agent) => {
                    let mut command = agent.spawnable(recipient, directory);
                    command.stdin(input);
                    // What an agent has to say of a failure is told once.
                    if record.failed.load(Ordering::SeqCst) != 0 {
                        command.stderr(Stdio::null());
                    }
                    execute(&mut command, record)
                }
                Deliverer::Append => append(&mailbox, &text),
                Deliverer::Cat => cat(&mailbox, input, record),
            };
            let ended = processes::now();
            if matches!(done, Ok(true)) {
                record.add(ended - began);
                record.done.fetch_add(1, Ordering::SeqCst);
                record.ended.store(ended, Ordering::SeqCst);
                number += 1;
                failures = 0;
            } else {
                failures += 1;
                record.failed.fetch_add(1, Ordering::SeqCst);
            }
            record.since.store(0, Ordering::SeqCst);
        }
    }
}

/// Run a command to its end; says whether it succeeded.
fn execute(command: &mut Command, record: &Record) -> io::Result<bool> {
    let child = command.spawn()?;
    let mut status = 0;
    // SAFETY: zeros are a value of rusage; both are of this frame, and the
    // child is waited for nowhere else.
    let faults = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        if libc::wait4(pid, &raw mut status, 0, &raw mut usage) != pid {
            return Err(io::Error::last_os_error());
        }
        usage.ru_minflt + usage.ru_majflt
    };
    let faults = u64::try_from(faults).unwrap_or(0);
    record.faults.fetch_add(faults, Ordering::Relaxed);
    Ok(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0)
}

fn open(mailbox: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(mailbox)
}

fn append(mailbox: &Path, text: &[u8]) -> io::Result<bool> {
    let mut file = open(mailbox)?;
    file.write_all(text)?;
    file.sync_all()?;
    Ok(true)
}

fn cat(mailbox: &Path, input: File, record: &Record) -> io::Result<bool> {
    let file = open(mailbox)?;
    let mut command = Command::new("/bin/cat");
    command.stdin(input).stdout(file.try_clone()?);
    let done = execute(&mut command, record)?;
    file.sync_all()?;
    Ok(done)
}

/// How many are lost, doubled or damaged in what was added to a mailbox.  Those
/// that were killed may have left a part each, which is no fault of theirs.
fn account(
    mailbox: &Path,
    from: u64,
    message: &Message,
    expected: impl Iterator<Item = u64>,
    killed: u64,
    quotes: bool,
) -> u64 {
    let (found, damaged) = match message.find(mailbox, from, quotes) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => (BTreeMap::new(), 0),
        Err(error) => {
            eprintln!("bench: {}: {error}", mailbox.display());
            return expected.count() as u64;
        }
    };
    let mut lost = 0;
    for number in expected {
        let times = found.get(&number).copied().unwrap_or(0);
        if times != 1 {
            lost += 1;
            let mailbox = mailbox.display();
            eprintln!("bench: {mailbox}: message {number} is there {times} times");
        }
    }
    let damaged = damaged.saturating_sub(killed);
    if damaged != 0 {
        eprintln!("bench: {}: {damaged} are damaged", mailbox.display());
    }
    lost + damaged
}

/// A new directory that mail goes into.
fn in_spool<T>(
    context: &Context,
    place: &Place,
    run: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    context.in_new(place, |directory| {
        if context.inside {
            world::deliver_into(directory).map_err(told(directory))?;
        }
        run(directory)
    })
}

const SINGLE: &str = "mail-single";
const ONE_BOX: &str = "mail-8-one-box";
const BOXES: &str = "mail-8-boxes";
const LARGE: &str = "mail-large";
const LINES: &str = "mail-lines";
const HUGE: &str = "mail-4GB-box";

pub fn run(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let workloads: [Named; 6] = [
        (SINGLE, single),
        (ONE_BOX, one_box),
        (BOXES, boxes),
        (LARGE, large),
        (LINES, lines),
        (HUGE, huge),
    ];
    run_wanted(context, place, rows, &workloads)
}

fn agents(context: &Context) -> Vec<Deliverer<'_>> {
    context.agents.iter().map(Deliverer::Agent).collect()
}

fn small() -> Result<Message> {
    Message::text(SMALL).map_err(|error| error.to_string())
}

fn outcomes<T>(of: &[T]) -> Vec<Outcome> {
    of.iter().map(|_| Outcome::default()).collect()
}

/// Whoever does not work on this machine is left out.
pub fn try_out(context: &mut Context, place: &Place) -> Result<()> {
    let message = small()?;
    let mut works = Vec::new();
    for deliverer in agents(context) {
        let mut outcome = Outcome::default();
        in_spool(context, place, |directory| {
            Load::one(deliverer, 0, Duration::from_secs(10)).run(
                context,
                directory,
                &message,
                &mut outcome,
            )
        })?;
        works.push(outcome.done == 1 && outcome.lost == 0);
    }
    let mut works = works.into_iter();
    let peers = &context.peers;
    context.agents.retain(|agent| {
        let works = works.next().unwrap_or(false);
        if !works {
            peers.miss(agent.name, "it does not work here");
        }
        works
    });
    if context
        .agents
        .first()
        .is_none_or(|agent| agent.name != OURS)
    {
        return Err("ours does not deliver here".to_owned());
    }
    Ok(())
}

/// One delivery at a time, by all agents in turn, each to a mailbox of its
/// own.
fn single(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let message = small()?;
    let mut all = agents(context);
    all.push(Deliverer::Append);
    let mut outcomes = outcomes(&all);
    let order: Vec<_> = (0..all.len()).collect();
    let mut counts = Vec::new();
    in_spool(context, place, |directory| {
        // The first one makes the mailbox, and fills the caches.
        let load = |number: usize| Load::one(all[number], number, Duration::from_secs(20));
        for number in 0..all.len() {
            load(number).run(context, directory, &message, &mut Outcome::default())?;
        }
        alternate(context.pick(60, 6), &order, |_, &number| {
            load(number).run(context, directory, &message, &mut outcomes[number])
        })?;
        for (number, deliverer) in all.iter().enumerate() {
            counts.push(match deliverer {
                Deliverer::Agent(agent) => {
                    count(context, agent, number, directory, &message).map_err(told(directory))?
                }
                _ => (Counts::default(), None),
            });
        }
        Ok(())
    })?;
    for (number, deliverer) in all.iter().enumerate() {
        let mut row = outcomes[number].row(SINGLE, place, deliverer.name());
        let (counts, peak) = counts[number];
        row.system_calls = counts.system_calls;
        row.instructions = counts.instructions;
        row.flushes = Some(counts.flushes);
        row.kilobytes = peak;
        if let Deliverer::Agent(_) = deliverer {
            row.note += match (counts.flushes > 0.0, counts.helpers > 0.0) {
                (true, true) => "forks or execs",
                (true, false) => "",
                (false, _) => "no fsync",
            };
        }
        rows.push(row);
    }
    let ours = &outcomes[0];
    let to = |median: f64| ratio(Some(median), ours.median());
    // Who does the same in one process, and writes to stable storage as well;
    // of them the fastest.
    let mut fastest: Option<(usize, f64)> = None;
    for number in 1..all.len() {
        let Deliverer::Agent(agent) = all[number] else {
            continue;
        };
        let (counts, _) = counts[number];
        let Some(median) = outcomes[number].median() else {
            continue;
        };
        if counts.system_calls.is_none() || counts.helpers > 0.0 {
            let goal = Goal::AtLeast(1.2);
            let time = to(median);
            rows.push(held(&[ours], SINGLE, place, agent.name, time, goal));
        } else if counts.flushes > 0.0 && fastest.is_none_or(|(_, least)| median < least) {
            fastest = Some((number, median));
        }
    }
    if let Some((number, median)) = fastest {
        let against = format!("{}, the fastest in one process", all[number].name());
        let goal = Goal::AtLeast(0.95);
        let time = to(median);
        rows.push(held(&[ours], SINGLE, place, &against, time, goal));
    }
    Ok(())
}

/// System calls, instructions and peak memory of one delivery.
fn count(
    context: &Context,
    agent: &Agent,
    recipient: usize,
    directory: &Path,
    message: &Message,
) -> io::Result<(Counts, Option<f64>)> {
    let key = format!("delivery by {}", agent.name);
    let known = context.counted.borrow().get(&key).copied();
    let command = agent.spawnable(recipient, directory);
    let input = || message.numbered(0).expect("memory");
    let run_as = |command: &mut Command, id: Option<u32>| {
        command.stdin(input());
        if let Some(id) = id {
            // SAFETY: nothing but system calls.
            unsafe {
                command.pre_exec(move || {
                    world::become_user(id);
                    Ok(())
                });
            }
        }
    };
    let instructions = !context.quick || agent.name == OURS;
    let count = |id| {
        let counter = &context.counter;
        counter.count(&command, &|command| run_as(command, id), instructions)
    };
    let counts = known.unwrap_or_else(|| {
        let mut counts = count(agent.caller(recipient));
        // Now and then ours tidies up, for many more.
        for _ in 0..if agent.name == OURS { 3 } else { 0 } {
            counts = counts.least(count(agent.caller(recipient)));
        }
        // Where root has become the recipient for good, valgrind cannot write
        // what it counted; for the recipient himself the work is the same.
        if instructions && context.inside && counts.instructions.is_none() {
            counts.instructions = count(Some(world::id(recipient))).instructions;
        }
        counts
    });
    let mut counted = context.counted.borrow_mut();
    counted.insert(key, counts);
    let mut command = agent.spawnable(recipient, directory);
    command.stdin(input()).stderr(Stdio::null());
    let peak = counts::peak_memory(command, &|| agent.become_caller(recipient));
    Ok((counts, peak))
}

/// Eight processes to one mailbox, and as many messages one after another.
fn one_box(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let message = small()?;
    let all = agents(context);
    let (mut one, mut eight) = (outcomes(&all), outcomes(&all));
    let each = context.pick(10, 2);
    let rounds = context.pick(3, 1);
    for round in 0..rounds {
        for (number, &deliverer) in all.iter().enumerate() {
            // Who sleeps for seconds shows that in one round.
            if round != 0 && !deliverer.is_ours() {
                continue;
            }
            let patient = !context.quick || deliverer.is_ours();
            let limit = Duration::from_secs(if patient { 20 } else { 1 });
            for (processes, each, outcome) in [
                (1, each * 8, &mut one[number]),
                (8, each, &mut eight[number]),
            ] {
                in_spool(context, place, |directory| {
                    let load = |processes, each, limit| Load {
                        deliverer,
                        processes,
                        each,
                        first: 0,
                        one_mailbox: true,
                        limit,
                    };
                    // The first one makes the mailbox; who takes a second for
                    // that and were killed would leave a lock behind.
                    let ample = Duration::from_secs(20);
                    load(1, 1, ample).run(context, directory, &message, &mut Outcome::default())?;
                    load(processes, each, limit).run(context, directory, &message, outcome)
                })?;
            }
        }
    }
    for (number, deliverer) in all.iter().enumerate() {
        let name = deliverer.name();
        rows.push(one[number].row(ONE_BOX, place, &format!("{name}, one after another")));
        rows.push(eight[number].row(ONE_BOX, place, &format!("{name}, 8 at once")));
    }
    let (one, eight) = (&one[0], &eight[0]);
    for (against, ratio, goal) in [
        (
            "one after another, rate",
            ratio(eight.rate(), one.rate()),
            Goal::AtLeast(0.9),
        ),
        (
            "p99, by the median of a single one",
            ratio(eight.ranked(eight.samples.p99()), one.median()),
            Goal::AtMost(10.0),
        ),
    ] {
        rows.push(held(&[one, eight], ONE_BOX, place, against, ratio, goal));
    }
    Ok(())
}

/// Eight processes to eight mailboxes, and what the disk allows.
fn boxes(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let message = small()?;
    let mut all = agents(context);
    all.extend([Deliverer::Cat, Deliverer::Append]);
    let mut outcomes = outcomes(&all);
    let order: Vec<_> = (0..all.len()).collect();
    let each = context.pick(12, 2);
    alternate(context.pick(4, 1), &order, |_, &number| {
        in_spool(context, place, |directory| {
            let load = |each| Load {
                deliverer: all[number],
                processes: 8,
                each,
                first: 0,
                one_mailbox: false,
                limit: Duration::from_secs(20),
            };
            // The first one makes the mailbox, which is written to stable
            // storage once.
            load(1).run(context, directory, &message, &mut Outcome::default())?;
            load(each).run(context, directory, &message, &mut outcomes[number])
        })
    })?;
    for (outcome, deliverer) in outcomes.iter().zip(&all) {
        rows.push(outcome.row(BOXES, place, deliverer.name()));
    }
    let ours = &outcomes[0];
    let [.., cat, append] = outcomes.as_slice() else {
        return Ok(());
    };
    // Where a flush is nothing, this is a process against none.
    let slow = append.median().is_some_and(|median| median > SLOW);
    for (limit, against, goal) in [
        (append, APPEND, slow.then_some(Goal::AtLeast(0.9))),
        (cat, CAT, None),
    ] {
        let ratio = ratio(ours.rate(), limit.rate());
        let held = held(&[ours], BOXES, place, against, ratio, Goal::AtLeast(0.9));
        rows.push(Row {
            goal,
            met: goal.and(held.met),
            ..held
        });
    }
    Ok(())
}

/// Microseconds that show that a flush reaches a disk.
const SLOW: f64 = 50.0;

fn large(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let message = Message::text(context.pick(100, 10) << 20).map_err(|error| error.to_string())?;
    one_large(context, place, LARGE, &message, rows)
}

fn lines(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let count = context.pick(1_000_000, 100_000);
    let message = Message::from_lines(count).map_err(|error| error.to_string())?;
    one_large(context, place, LINES, &message, rows)
}

/// A large message, and cat.
fn one_large(
    context: &Context,
    place: &Place,
    row: &'static str,
    message: &Message,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let mut all = agents(context);
    all.push(Deliverer::Cat);
    let mut outcomes = outcomes(&all);
    let order: Vec<_> = (0..all.len()).collect();
    alternate(context.pick(5, 1), &order, |round, &number| {
        let deliverer = all[number];
        // Of the others, only the order of magnitude is told.
        if round > 1 && !deliverer.is_ours() && !matches!(deliverer, Deliverer::Cat) {
            return Ok(());
        }
        in_spool(context, place, |directory| {
            Load::one(deliverer, 0, Duration::from_secs(30)).run(
                context,
                directory,
                message,
                &mut outcomes[number],
            )
        })
    })?;
    let mut peak_of_ours = None;
    for (outcome, deliverer) in outcomes.iter().zip(&all) {
        let mut line = outcome.row(row, place, deliverer.name());
        if let (Deliverer::Agent(agent), true) = (deliverer, deliverer.is_ours() || !context.quick)
        {
            line.kilobytes = in_spool(context, place, |directory| {
                let mut command = agent.spawnable(0, directory);
                let input = message.numbered(0).map_err(told(directory))?;
                command.stdin(input).stderr(Stdio::null());
                Ok(counts::peak_memory(command, &|| agent.become_caller(0)))
            })?;
        }
        if deliverer.is_ours() {
            peak_of_ours = line.kilobytes;
        }
        rows.push(line);
    }
    let limit = outcomes.last().and_then(Outcome::median);
    let ours = &outcomes[0];
    let time = ratio(limit, ours.median());
    rows.push(held(&[ours], row, place, CAT, time, Goal::AtLeast(0.8)));
    let megabytes = peak_of_ours.map(|peak| peak / 1024.0);
    let goal = Goal::AtMost(8.0);
    rows.push(Row::held(row, &place.name, "MB of memory", megabytes, goal));
    Ok(())
}

const FOUR_GIGABYTES: u64 = 4 << 30;

/// A mailbox of 4 GB, nearly all of it a hole, and an empty one.
fn huge(context: &Context, place: &Place, rows: &mut Vec<Row>) -> Result<()> {
    let message = small()?;
    // It reads all that there is.
    let all: Vec<_> = agents(context)
        .into_iter()
        .filter(|agent| agent.name() != "dovecot-lda")
        .collect();
    let mut outcomes: Vec<_> = all
        .iter()
        .map(|_| (Outcome::default(), Outcome::default()))
        .collect();
    let order: Vec<_> = (0..all.len()).collect();
    in_spool(context, place, |directory| {
        for (number, deliverer) in all.iter().enumerate() {
            let Deliverer::Agent(agent) = deliverer else {
                continue;
            };
            let (empty, huge) = (2 * number, 2 * number + 1);
            for (recipient, size) in [(empty, 0), (huge, FOUR_GIGABYTES)] {
                let mailbox = agent.mailbox(recipient, directory);
                let make = || -> io::Result<()> {
                    let file = File::create(&mailbox)?;
                    if size != 0 {
                        // It ends as a mailbox does.
                        file.write_all_at(b"\n\n", size)?;
                    }
                    agent.own(recipient, &mailbox)?;
                    file.sync_all()
                };
                make().map_err(told(&mailbox))?;
            }
        }
        alternate(context.pick(20, 3), &order, |_, &number| {
            let (small, large) = &mut outcomes[number];
            for (first, outcome) in [(2 * number, small), (2 * number + 1, large)] {
                Load::one(all[number], first, Duration::from_secs(20))
                    .run(context, directory, &message, outcome)?;
            }
            Ok(())
        })
    })?;
    for ((empty, huge), deliverer) in outcomes.iter().zip(&all) {
        let name = deliverer.name();
        rows.push(empty.row(HUGE, place, &format!("{name}, empty")));
        rows.push(huge.row(HUGE, place, &format!("{name}, 4 GB")));
    }
    let (empty, huge) = &outcomes[0];
    let ratio = ratio(empty.median(), huge.median());
    let against = "an empty one";
    let goal = Goal::AtLeast(0.9);
    rows.push(held(&[empty, huge], HUGE, place, against, ratio, goal));
    Ok(())
}
