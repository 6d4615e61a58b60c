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

//! Schedules: one after another, all of them or many of them.
//!
//! Time is a list of what is pending.  What is due first happens next; of
//! several things that are due at the same moment any may.  Whatever happens
//! to a process may go wrong, at the cost of one of the schedule's few faults.
//! So a schedule is a list of choices, and the same list makes the same
//! schedule.
//!
//! An exhaustive search runs the schedule anew for each branch, and leaves a
//! branch where it comes to a state that it has been in.
//!
//! Why no checker that exists: shuttle and loom explore threads that share
//! memory, and know neither time, nor a thread that is killed between two
//! steps, nor a choice that is a fault; stateright checks a model that is
//! written as a state machine, which the code that ships is not.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{c_int, CString};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nfslock::name::Name;
use nfslock::timing::Timing;

use crate::check::{Check, Claim};
use crate::process::{begin, Script, Task};
use crate::scenario::{self, Faults, Scenario};
use crate::world::{
    mix, Answer, Ask, Call, Digest, Doing, Flying, Kernel, Meeting, Nanos, Process, Server, World,
    SECOND,
};

/// What becomes of a step of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// What should.
    Normal,
    /// It takes effect, and this is what is told.
    Told(c_int),
    /// It takes no effect, and this is what is told.
    Failed(c_int),
    /// It takes no effect, and success is told.
    Pretended,
    /// It takes effect that long after it was asked for.
    Late(Nanos),
    /// It is heard of that long after it took effect.
    Slow(Nanos),
    /// The process is killed before this.
    Killed,
    /// The process is killed after this, and before it hears of it.
    KilledAfter,
    /// The process is killed before this, which takes effect so much later.
    KilledFlying(Nanos),
    /// This is told, and it takes effect so much later.
    Detached(c_int, Nanos),
    /// It takes effect, and once more so much later.
    Twice(Nanos),
    /// The client answers from its cache.
    Cached,
    /// The server has no exclusive create, and the file is there already.
    Downgraded,
    /// The host's place does not do it.
    Refused,
    /// A process of the same client has the file open.
    Silly,
    /// A signal ends the wait of a process.
    Signal(usize),
    /// The server's clock is set.
    Step(i64),
    /// The clock of a host is set: not the one that is never set.
    HostStep(usize, i64),
    /// A host is stopped for that long.
    Stop(usize, Nanos),
    /// A host is rebooted.
    Reboot(usize),
}

#[derive(Clone, Copy)]
enum Event {
    Process(usize),
    Flying(usize),
}

/// Who chooses.
trait Chooser {
    /// An event and its fate, of those there are; `None`: go no further.
    fn choose(&mut self, world: &World, left: u32, options: &[usize]) -> Option<(usize, usize)>;
}

/// How a schedule ended.
enum End {
    Over,
    Pruned,
    Broken(String),
}

struct Run<'a> {
    scenario: &'a Scenario,
    world: Rc<RefCell<World>>,
    tasks: Vec<Option<Task>>,
    /// How many more things may go wrong.
    left: u32,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, seed: u64, trace: bool) -> Self {
        let timing = Timing::new(scenario.stale);
        let hosts = scenario.hosts.iter().enumerate();
        let kernels = hosts.map(|(number, host)| Kernel {
            name: host.name,
            local: host.local,
            meeting: host.meeting,
            clock: host.clock,
            up: (1000 + 7777 * number as u64) * SECOND,
            ..Kernel::default()
        });
        let world = World {
            now: 0,
            server: Server {
                coarse: scenario.coarse,
                ..Server::default()
            },
            kernels: kernels.collect(),
            presences: Vec::new(),
            processes: Vec::new(),
            flying: Vec::new(),
            check: Check {
                lease: timing.lease.as_nanos(),
                watch: timing.watch.as_nanos(),
                delay: timing.settle.part(2).as_nanos(),
                anything_goes: scenario.anything_goes,
                grace: timing.settle.as_nanos() * Nanos::from(scenario.faults.budget),
                // The longest pause of a waiter, and one more for each fault.
                ignorance: (2 + Nanos::from(scenario.faults.budget)) * SECOND / 2,
                ..Check::default()
            },
            seed,
            trace: trace.then(Vec::new),
        };
        let mut run = Self {
            scenario,
            world: Rc::new(RefCell::new(world)),
            tasks: Vec::new(),
            left: scenario.faults.budget,
        };
        for actor in &scenario.actors {
            run.start(
                actor.host,
                actor.start,
                actor.ours,
                actor.sweeps,
                &actor.script,
            );
        }
        run
    }

    fn start(&mut self, host: usize, at: Nanos, ours: bool, sweeps: bool, script: &Script) {
        let id = self.tasks.len();
        self.tasks.push(Some(Task::new(id, &self.world, script)));
        let mut world = self.world.borrow_mut();
        let here = world
            .processes
            .iter()
            .filter(|process| process.host == host);
        // The same ids on every host.
        let pid = 100 + i32::try_from(here.count()).unwrap();
        let doing = Doing::Starting(at);
        world.processes.push(Process {
            host,
            pid,
            doing,
            history: 0,
            ours,
            sweeps,
            randoms: 0,
        });
        world.check.claims.push(Claim::default());
    }

    /// Run it to its end, and then see what is left.
    fn finish(&mut self, chooser: &mut dyn Chooser) -> End {
        match catch_unwind(AssertUnwindSafe(|| self.run(chooser))) {
            Ok(end) => end,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                End::Broken(format!("panic: {}", text.unwrap_or_default()))
            }
        }
    }

    fn run(&mut self, chooser: &mut dyn Chooser) -> End {
        match self.run_all(chooser) {
            End::Over => {}
            end => return end,
        }
        let littered = {
            let world = self.world.borrow();
            let honest = |kernel: &&Kernel| kernel.meeting == Meeting::Honest;
            let places = world.kernels.iter().filter(honest).all(Kernel::is_empty);
            !(world.server.names.is_empty() && places)
        };
        if !littered {
            return End::Over;
        }
        if !self.world.borrow().check.may_litter {
            return End::Broken(format!("left behind: {}", self.litter(true)));
        }
        // What may be left is cleaned by who comes later.
        self.left = 0;
        let later = self.world.borrow().now + 2 * 86_400 * SECOND;
        let janitor = scenario::janitor(self.scenario.stale);
        for round in 0..2 {
            for host in 0..self.scenario.hosts.len() {
                let start = later + (round * 1000 + host as u64) * 10_000 * SECOND;
                self.start(host, start, true, true, &janitor);
            }
        }
        match self.run_all(&mut First) {
            End::Over => {}
            end => return end,
        }
        // A guard is removed by who needs it, and nobody does any more.
        let litter = self.litter(false);
        if litter.is_empty() {
            End::Over
        } else {
            End::Broken(format!("not cleaned up: {litter}"))
        }
    }

    fn litter(&self, guards: bool) -> String {
        let world = self.world.borrow();
        let mut litter = String::new();
        for name in world.server.names.keys() {
            if guards || !Name::is_guard(name) {
                let _ = write!(litter, "{} ", name.to_string_lossy());
            }
        }
        for kernel in &world.kernels {
            if kernel.meeting == Meeting::Honest && !kernel.is_empty() {
                let _ = write!(litter, "on {} ", kernel.name);
            }
        }
        litter
    }

    fn run_all(&mut self, chooser: &mut dyn Chooser) -> End {
        for _ in 0..self.scenario.longest {
            let Some(events) = self.due() else {
                return End::Over;
            };
            let fates: Vec<Vec<Fate>> = events
                .iter()
                .enumerate()
                .map(|(place, event)| self.fates(*event, place == 0))
                .collect();
            let counts: Vec<usize> = fates.iter().map(Vec::len).collect();
            let chosen = chooser.choose(&self.world.borrow(), self.left, &counts);
            let Some((event, fate)) = chosen else {
                return End::Pruned;
            };
            let fate = fates[event][fate];
            self.left -= u32::from(fate != Fate::Normal);
            self.happen(events[event], fate);
            if let Some(what) = self.world.borrow_mut().check.broken.take() {
                return End::Broken(what);
            }
        }
        End::Broken("it does not end".to_owned())
    }

    /// Let time pass until something is due, and answer with what is.
    fn due(&mut self) -> Option<Vec<Event>> {
        let mut world = self.world.borrow_mut();
        let processes = world.processes.iter().filter_map(Process::next);
        let flying = world.flying.iter().map(|flying| flying.at);
        let now = processes.chain(flying).min()?;
        world.before_time_passes(now);
        world.now = now;
        let mut events = Vec::new();
        for (id, process) in world.processes.iter().enumerate() {
            if process.next() != Some(now) {
                continue;
            }
            // What no other process can see or is hindered by makes no
            // difference to them, whenever at this moment it happens: it goes
            // first.
            let unseen = match &process.doing {
                Doing::Calling { call, .. } => match call {
                    Call::Wait(_) => true,
                    call => self.scenario.reduce && call.is_private(),
                },
                _ => true,
            };
            if unseen {
                return Some(vec![Event::Process(id)]);
            }
            events.push(Event::Process(id));
        }
        for (number, flying) in world.flying.iter().enumerate() {
            if flying.at == now {
                events.push(Event::Flying(number));
            }
        }
        Some(events)
    }

    fn fates(&self, event: Event, first: bool) -> Vec<Fate> {
        let mut fates = vec![Fate::Normal];
        if self.left == 0 {
            return fates;
        }
        let world = self.world.borrow();
        if let Event::Process(id) = event {
            if world.processes[id].ours {
                if let Doing::Calling { call, issued, at } = &world.processes[id].doing {
                    let punctual = issued == at;
                    mishaps(
                        &world,
                        id,
                        call,
                        punctual,
                        &self.scenario.faults,
                        &mut fates,
                    );
                }
            }
        }
        if first {
            let faults = &self.scenario.faults;
            fates.extend(faults.steps.iter().map(|step| Fate::Step(*step)));
            for (id, process) in world.processes.iter().enumerate() {
                let sleeps = faults.signals && process.ours && process.sleeps(world.now);
                fates.extend(sleeps.then_some(Fate::Signal(id)));
            }
            for (host, kernel) in world.kernels.iter().enumerate() {
                if !kernel.local {
                    fates.extend(faults.steps.iter().map(|step| Fate::HostStep(host, *step)));
                }
                fates.extend(faults.stops.iter().map(|time| Fate::Stop(host, *time)));
                fates.extend(faults.reboots.then_some(Fate::Reboot(host)));
            }
        }
        fates
    }

    fn happen(&mut self, event: Event, fate: Fate) {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        match fate {
            Fate::Step(seconds) => {
                world.server.clock += seconds * 1_000_000_000;
                world.say(0, &format!("the server's clock is set by {seconds} s"));
                return;
            }
            Fate::HostStep(host, seconds) => {
                world.kernels[host].clock += seconds * 1_000_000_000;
                let name = world.kernels[host].name;
                world.say(
                    0,
                    &format!("the clock of host {name} is set by {seconds} s"),
                );
                return;
            }
            Fate::Signal(id) => {
                if let Doing::Calling { at, .. } = &mut world.processes[id].doing {
                    *at = now;
                }
                world.say(id, "gets a signal");
                return;
            }
            Fate::Stop(host, time) => {
                world.check.held_up += time;
                world.check.stands_still(time);
                let name = world.kernels[host].name;
                world.say(
                    0,
                    &format!("host {name} is stopped for {} s", time as f64 / 1e9),
                );
                // Where requests have to take effect in time, a host is not
                // stopped between deciding on one and sending it.
                let any = world.check.anything_goes;
                for process in &mut world.processes {
                    if process.host != host {
                        continue;
                    }
                    match &mut process.doing {
                        Doing::Calling { call, at, .. } if any || call.is_wait() => {
                            *at += time;
                        }
                        Doing::Hearing(_, at) => *at += time,
                        _ => {}
                    }
                }
                return;
            }
            Fate::Reboot(host) => {
                let name = world.kernels[host].name;
                world.say(0, &format!("host {name} is rebooted"));
                world.check.may_litter = true;
                let here = |id: &usize| {
                    let process = &world.processes[*id];
                    process.host == host
                        && process.is_alive()
                        && !matches!(process.doing, Doing::Starting(_))
                };
                let ids: Vec<usize> = (0..world.processes.len()).filter(here).collect();
                for id in ids {
                    world.end(id, Doing::Dead);
                    drop(world);
                    self.bury(id);
                    world = self.world.borrow_mut();
                }
                world.boot(host);
                return;
            }
            _ => {}
        }
        match event {
            Event::Flying(number) => {
                let flying = world.flying.remove(number);
                let answer = world.execute(flying.process, &flying.call, flying.issued);
                world.say(
                    flying.process,
                    &format!("{} arrives -> {}", show(&flying.call), show_answer(&answer)),
                );
            }
            Event::Process(id) => {
                let doing = std::mem::replace(&mut world.processes[id].doing, Doing::Starting(now));
                drop(world);
                match doing {
                    Doing::Starting(_) => self.resume(id, Answer::Done),
                    Doing::Hearing(answer, _) => {
                        let text = show_answer(&answer);
                        self.world.borrow_mut().say(id, &format!("hears {text}"));
                        self.resume(id, answer);
                    }
                    Doing::Calling { call, issued, .. } => self.serve(id, call, issued, fate),
                    Doing::Ended | Doing::Dead => unreachable!(),
                }
            }
        }
    }

    /// A call of a process takes effect, or does not.
    fn serve(&mut self, id: usize, call: Call, issued: Nanos, fate: Fate) {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        let fly = |world: &mut World, after: Nanos| {
            world.flying.push(Flying {
                process: id,
                call: call.clone(),
                issued,
                at: now + after,
            });
        };
        if matches!(
            fate,
            Fate::Killed | Fate::KilledAfter | Fate::KilledFlying(_)
        ) || call == Call::Exit
        {
            world.check.may_litter = true;
            if fate == Fate::KilledAfter {
                world.execute(id, &call, issued);
            }
            if let Fate::KilledFlying(time) = fate {
                world.check.stands_still(time);
                fly(&mut world, time);
            }
            world.say(id, &format!("{} {fate:?}", show(&call)));
            world.end(id, Doing::Dead);
            drop(world);
            self.bury(id);
            return;
        }
        // Who could not make a file has nothing to leave.
        let leaves = !matches!(call, Call::Make(_) | Call::Link(..));
        let mut heard = now;
        let answer = match fate {
            Fate::Told(errno) => {
                world.execute(id, &call, issued);
                world.check.may_litter |= errno == libc::EIO && leaves;
                Answer::error(&call, errno)
            }
            Fate::Failed(errno) => {
                world.check.may_litter |= errno != libc::EINTR && leaves;
                Answer::error(&call, errno)
            }
            Fate::Pretended => Answer::Unit(Ok(())),
            Fate::Late(time) => {
                world.check.held_up += time;
                world.check.stands_still(time);
                world.say(id, &format!("{} is held up", show(&call)));
                let at = now + time;
                world.processes[id].doing = Doing::Calling { call, issued, at };
                return;
            }
            Fate::Slow(time) => {
                world.check.held_up += time;
                heard += time;
                world.execute(id, &call, issued)
            }
            Fate::Detached(errno, time) => {
                world.check.may_litter = true;
                world.check.stands_still(time);
                fly(&mut world, time);
                Answer::error(&call, errno)
            }
            Fate::Twice(time) => {
                world.check.excepted = true;
                world.check.may_litter = true;
                fly(&mut world, time);
                world.execute(id, &call, issued)
            }
            Fate::Cached => match &call {
                Call::Stat(name) => world.cached(id, name).unwrap(),
                Call::Look(name) => world.resolved(id, name).unwrap(),
                _ => unreachable!(),
            },
            Fate::Downgraded => match &call {
                Call::Make(name) => Answer::Made(world.server.find(name).map(|file| file.handle)),
                _ => unreachable!(),
            },
            Fate::Refused => {
                world.check.may_litter = true;
                Answer::Bool(false)
            }
            Fate::Silly => {
                // The client renames it, and removes it when it is closed.
                let names = (0..).map(|number| CString::new(format!(".nfs{number:04}")).unwrap());
                let mut free = names.skip_while(|name| world.server.names.contains_key(name));
                let hidden = free.next().unwrap();
                let Call::Unlink(name) = &call else {
                    unreachable!()
                };
                let rename = Call::Rename(name.clone(), hidden.clone());
                let answer = world.execute(id, &rename, issued);
                world.flying.push(Flying {
                    process: id,
                    call: Call::Unlink(hidden),
                    issued,
                    at: now + SECOND / 1000,
                });
                answer
            }
            _ => world.execute(id, &call, issued),
        };
        if world.trace.is_some() && !call.is_wait() {
            let how = match fate {
                Fate::Normal => String::new(),
                fate => format!(" ({fate:?})"),
            };
            let text = format!("{} -> {}{how}", show(&call), show_answer(&answer));
            world.say(id, &text);
        }
        if heard > now {
            world.processes[id].doing = Doing::Hearing(answer, heard);
            return;
        }
        drop(world);
        self.resume(id, answer);
    }

    fn resume(&mut self, id: usize, answer: Answer) {
        let Some(task) = self.tasks[id].as_mut() else {
            return;
        };
        let next = task.resume(answer);
        let mut world = self.world.borrow_mut();
        let now = world.now;
        if let Some(call) = next {
            let mut doing = begin(call, now);
            if let Doing::Calling {
                call: Call::Outlived(number, _),
                at,
                ..
            } = &mut doing
            {
                let present = &world.presences[*number];
                if present.has_news() {
                    *at = now;
                }
            }
            world.processes[id].doing = doing;
        } else {
            world.end(id, Doing::Ended);
            drop(world);
            self.bury(id);
        }
    }

    fn bury(&mut self, id: usize) {
        self.world.borrow_mut().check.dies(id);
        if let Some(task) = self.tasks[id].take() {
            task.end();
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        for id in 0..self.tasks.len() {
            self.world.borrow_mut().processes[id].doing = Doing::Dead;
            if let Some(task) = self.tasks[id].take() {
                task.end();
            }
        }
    }
}

/// What can go wrong with a call.
fn mishaps(
    world: &World,
    id: usize,
    call: &Call,
    punctual: bool,
    faults: &Faults,
    fates: &mut Vec<Fate>,
) {
    let remote = !world.is_local(id);
    if faults.kills {
        fates.push(Fate::Killed);
    }
    if call.is_wait() {
        return;
    }
    if punctual {
        fates.extend(faults.late.iter().map(|time| Fate::Late(*time)));
    }
    if matches!(call, Call::Place(Ask::Withdraw(_))) && faults.stubborn {
        fates.push(Fate::Refused);
    }
    if !call.is_request() {
        return;
    }
    fates.extend(faults.slow.iter().map(|time| Fate::Slow(*time)));
    if faults.kills {
        fates.push(Fate::KilledAfter);
    }
    // Whatever may be done twice is repeated when a signal interrupts it.
    let once = matches!(call, Call::Link(..) | Call::Unlink(_) | Call::Rename(..));
    let errors = faults.errors.iter();
    let told = errors.filter(|errno| once || **errno != libc::EINTR);
    fates.extend(told.map(|errno| Fate::Failed(*errno)));
    if !remote {
        return;
    }
    if call.changes() {
        if faults.kills {
            fates.extend(faults.late.iter().map(|time| Fate::KilledFlying(*time)));
        }
        if once {
            let detached = |time: &Nanos| Fate::Detached(libc::EINTR, *time);
            fates.extend(faults.detached.iter().map(detached));
        }
        if !faults.errors.is_empty() {
            fates.extend(once.then_some(Fate::Told(libc::EINTR)));
            fates.push(Fate::Told(libc::EIO));
        }
        fates.extend(faults.twice.iter().map(|time| Fate::Twice(*time)));
    }
    if faults.replies {
        // The reply was lost, and the request is carried out once more.
        match call {
            Call::Make(name) => {
                fates.push(Fate::Told(libc::EEXIST));
                if world.server.find(name).is_ok() {
                    fates.push(Fate::Downgraded);
                }
            }
            Call::Link(_, to) => {
                fates.push(Fate::Told(libc::EEXIST));
                if world.server.find(to).is_ok() {
                    fates.push(Fate::Pretended);
                }
            }
            Call::Unlink(from) | Call::Rename(from, _) => {
                fates.push(Fate::Told(libc::ENOENT));
                if world.server.find(from).is_err() {
                    fates.push(Fate::Pretended);
                }
            }
            _ => {}
        }
        match call {
            Call::Stat(name) if world.cached(id, name).is_some() => fates.push(Fate::Cached),
            Call::Look(name) if world.resolved(id, name).is_some() => fates.push(Fate::Cached),
            Call::Unlink(name) if world.server.find(name).is_ok() => fates.push(Fate::Silly),
            _ => {}
        }
    }
}

fn show(call: &Call) -> String {
    let name = |name: &CString| name.to_string_lossy().into_owned();
    match call {
        Call::Make(at) => format!("make {}", name(at)),
        Call::Write(handle, contents) => {
            format!("write {} {}", handle.ino, String::from_utf8_lossy(contents))
        }
        Call::Link(from, to) => format!("link {} {}", name(from), name(to)),
        Call::Stat(at) => format!("stat {}", name(at)),
        Call::Look(at) => format!("look {}", name(at)),
        Call::SetTimes(handle) => format!("set times {}", handle.ino),
        Call::Unlink(at) => format!("unlink {}", name(at)),
        Call::Rename(from, to) => format!("rename {} {}", name(from), name(to)),
        Call::List => "list".to_owned(),
        Call::Place(ask) => format!("{}", ShowAsk(ask)),
        Call::Wait(time) => format!("wait {} s", *time as f64 / 1e9),
        Call::Outlived(number, _) => format!("outlived {number}"),
        Call::Exit => "exit".to_owned(),
    }
}

struct ShowAsk<'a>(&'a Ask);

impl std::fmt::Display for ShowAsk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, tokens) = match self.0 {
            Ask::Appear(token) => ("appear", vec![token]),
            Ask::Withdraw(number) => return write!(f, "withdraw {number}"),
            Ask::Ring(number) => return write!(f, "ring {number}"),
            Ask::Neighbour(token) => ("neighbour", vec![token]),
            Ask::IsDead(token) => ("is dead?", vec![token]),
            Ask::Inherit(token) => ("inherit", vec![token]),
            Ask::LineUp(ahead, own) => ("line up", vec![ahead, own]),
            Ask::NextAfter(token) => ("next after", vec![token]),
            Ask::StepOut(token) => ("step out behind", vec![token]),
            Ask::Tidy => ("tidy", vec![]),
        };
        f.write_str(what)?;
        tokens
            .iter()
            .try_for_each(|token| write!(f, " {}", String::from_utf8_lossy(token.as_bytes())))
    }
}

fn show_answer(answer: &Answer) -> String {
    let word = |result: Result<(), &c_int>| match result {
        Ok(()) => "ok".to_owned(),
        Err(errno) => std::io::Error::from_raw_os_error(*errno).to_string(),
    };
    match answer {
        Answer::Dead => "dead".to_owned(),
        Answer::Done => "done".to_owned(),
        Answer::Made(Ok(handle)) => format!("file {}", handle.ino),
        Answer::Made(Err(errno)) => word(Err(errno)),
        Answer::Stat(Ok(stat)) => format!("file {}, {} links", stat.ino, stat.nlink),
        Answer::Stat(Err(errno)) => word(Err(errno)),
        Answer::Unit(result) => word(result.as_ref().copied()),
        Answer::Looked(Ok((stat, contents, _))) => {
            format!("file {} {}", stat.ino, String::from_utf8_lossy(contents))
        }
        Answer::Looked(Err(errno)) => word(Err(errno)),
        Answer::Names(Ok(names)) => format!("{} names", names.len()),
        Answer::Names(Err(errno)) => word(Err(errno)),
        Answer::Bool(answer) => if *answer { "yes" } else { "no" }.to_owned(),
        Answer::Token(Some(token)) => String::from_utf8_lossy(token.as_bytes()).into_owned(),
        Answer::Number(Some(number)) => format!("presence {number}"),
        Answer::Token(None) | Answer::Number(None) => "none".to_owned(),
    }
}

/// Nothing goes wrong, and what is first in the list is first.
struct First;

impl Chooser for First {
    fn choose(&mut self, _: &World, _: u32, _: &[usize]) -> Option<(usize, usize)> {
        Some((0, 0))
    }
}

/// A choice as one number, and back.
fn locate(mut choice: usize, options: &[usize]) -> Option<(usize, usize)> {
    for (event, fates) in options.iter().enumerate() {
        if choice < *fates {
            return Some((event, choice));
        }
        choice -= fates;
    }
    None
}

/// The choices of a schedule, all of them 0 but these.
type Choices = Vec<(usize, usize)>;

/// A schedule that is known.
struct Replay<'a> {
    choices: &'a [(usize, usize)],
    at: usize,
}

impl Chooser for Replay<'_> {
    fn choose(&mut self, _: &World, _: u32, options: &[usize]) -> Option<(usize, usize)> {
        let choice = self.choices.iter().find(|(at, _)| *at == self.at);
        self.at += 1;
        let choice = choice.map_or(0, |(_, choice)| *choice);
        Some(locate(choice, options).unwrap_or((0, 0)))
    }
}

/// Every branch that does not lead to where another has been.
#[derive(Default)]
struct Search {
    /// What was chosen, of how many.
    path: Vec<(usize, usize)>,
    at: usize,
    seen: HashSet<u64>,
}

impl Search {
    /// Go on to the next branch, if there is one.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }

    fn choices(&self) -> Choices {
        let path = self.path.iter().map(|(chosen, _)| *chosen);
        path.enumerate()
            .filter(|(_, chosen)| *chosen != 0)
            .collect()
    }
}

impl Chooser for Search {
    fn choose(&mut self, world: &World, left: u32, options: &[usize]) -> Option<(usize, usize)> {
        let all = options.iter().sum();
        if self.at == self.path.len() {
            if all > 1 {
                let mut digest = Digest::default();
                (world, left).hash(&mut digest);
                if !self.seen.insert(digest.finish()) {
                    return None;
                }
            }
            self.path.push((0, all));
        }
        let (chosen, of) = self.path[self.at];
        assert_eq!(of, all, "a schedule does not repeat itself");
        self.at += 1;
        locate(chosen, options)
    }
}

/// Chance.
struct Chance {
    state: u64,
    /// One step in so many goes wrong.
    rarity: u64,
    choices: Choices,
    at: usize,
}

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(1);
        usize::try_from(mix(self.state) % bound as u64).unwrap()
    }
}

impl Chooser for Chance {
    fn choose(&mut self, _: &World, _: u32, options: &[usize]) -> Option<(usize, usize)> {
        let event = self.below(options.len());
        let fates = options[event];
        let rare = fates > 1 && self.below(self.rarity as usize) == 0;
        let fate = if rare { 1 + self.below(fates - 1) } else { 0 };
        let choice = options[..event].iter().sum::<usize>() + fate;
        if choice != 0 {
            self.choices.push((self.at, choice));
        }
        self.at += 1;
        Some((event, fate))
    }
}

/// What an exploration came to.
#[derive(Debug, Default)]
pub struct Report {
    pub schedules: u64,
    pub states: usize,
    pub overtaken: u32,
    pub complete: bool,
}

/// How much longer than every day this is to run.
pub fn soak() -> Option<u32> {
    std::env::var("NFSLOCK_SOAK").ok()?.parse().ok()
}

/// Every schedule of a scenario, for so long at most.
///
/// # Panics
/// When one breaks what must hold; it is printed.
pub fn every(name: &str, scenario: &Scenario, most: Duration) -> Report {
    let start = Instant::now();
    let mut search = Search::default();
    let mut report = Report::default();
    if replay(name, scenario) {
        return report;
    }
    loop {
        report.schedules += 1;
        let mut run = Run::new(scenario, 0, false);
        let end = run.finish(&mut search);
        if let End::Broken(what) = end {
            drop(run);
            complain(name, scenario, 0, &search.choices(), &what);
        }
        if !search.advance() {
            report.complete = true;
            break;
        }
        if start.elapsed() > most {
            break;
        }
    }
    report.states = search.seen.len();
    tell(name, scenario, &report, start.elapsed());
    report
}

/// Schedules by chance, so many: the same on a slow machine as on a fast one.
///
/// # Panics
/// When one breaks what must hold; it is printed.
pub fn many(name: &str, scenario: &Scenario, seeds: u64) -> Report {
    let start = Instant::now();
    let mut report = Report::default();
    if replay(name, scenario) {
        return report;
    }
    for seed in 0..seeds * u64::from(soak().unwrap_or(1)) {
        report.schedules += 1;
        let mut chance = Chance {
            state: mix(seed),
            rarity: 4 << (seed % 5),
            choices: Vec::new(),
            at: 0,
        };
        let mut run = Run::new(scenario, seed + 1, false);
        let end = run.finish(&mut chance);
        report.overtaken = report.overtaken.max(run.world.borrow().check.overtaken);
        if let End::Broken(what) = end {
            drop(run);
            complain(name, scenario, seed + 1, &chance.choices, &what);
        }
    }
    tell(name, scenario, &report, start.elapsed());
    report
}

fn tell(name: &str, scenario: &Scenario, report: &Report, time: Duration) {
    let rate = report.schedules as f64 / time.as_secs_f64();
    let how = match (report.states, report.complete) {
        (0, _) => format!("by chance, overtaken {} times at most", report.overtaken),
        (states, true) => format!(
            "{states} states, complete with {} faults",
            scenario.faults.budget
        ),
        (states, false) => format!("{states} states, bounded"),
    };
    println!(
        "simulation: {name}: {} schedules, {rate:.0}/s; {how}",
        report.schedules
    );
}

fn run_known(
    scenario: &Scenario,
    seed: u64,
    choices: &[(usize, usize)],
    trace: bool,
) -> (Option<String>, Vec<String>) {
    let mut run = Run::new(scenario, seed, trace);
    let mut known = Replay { choices, at: 0 };
    let end = run.finish(&mut known);
    let trace = run.world.borrow_mut().trace.take().unwrap_or_default();
    match end {
        End::Broken(what) => (Some(what), trace),
        End::Over | End::Pruned => (None, trace),
    }
}

/// Run the one schedule that the environment names.
fn replay(name: &str, scenario: &Scenario) -> bool {
    let Ok(wanted) = std::env::var("NFSLOCK_REPLAY") else {
        return false;
    };
    let mut words = wanted.split_whitespace();
    if words.next() != Some(name) {
        return true;
    }
    let seed = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let choices: Choices = words
        .filter_map(|word| {
            let (at, choice) = word.split_once(':')?;
            Some((at.parse().ok()?, choice.parse().ok()?))
        })
        .collect();
    let (broken, trace) = run_known(scenario, seed, &choices, true);
    trace.iter().for_each(|line| println!("{line}"));
    assert_eq!(broken, None);
    true
}

/// Say what went wrong, with as few choices as it takes, and how to see it.
fn complain(
    name: &str,
    scenario: &Scenario,
    seed: u64,
    choices: &[(usize, usize)],
    what: &str,
) -> ! {
    let kind = |what: &str| {
        let words = what.split_whitespace();
        words
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
            .collect::<String>()
    };
    let mut choices = choices.to_vec();
    let mut at = 0;
    while at < choices.len() {
        let mut fewer = choices.clone();
        fewer.remove(at);
        let (broken, _) = run_known(scenario, seed, &fewer, false);
        if broken.is_some_and(|broken| kind(&broken) == kind(what)) {
            choices = fewer;
        } else {
            at += 1;
        }
    }
    let (broken, trace) = run_known(scenario, seed, &choices, true);
    let mut text = trace.join("\n");
    let mut list = String::new();
    for (at, choice) in &choices {
        let _ = write!(list, " {at}:{choice}");
    }
    let _ = write!(
        text,
        "\n{}\nsee it again with NFSLOCK_REPLAY='{name} {seed}{list}'",
        broken.as_deref().unwrap_or(what)
    );
    panic!("{text}");
}
