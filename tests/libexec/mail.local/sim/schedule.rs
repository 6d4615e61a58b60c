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

//! Runs the processes of a scenario in one order of many, with one set of
//! faults of many.
//!
//! Time passes only when nobody has anything to do.  At each step one process
//! goes on, or something goes wrong with it; who, and what, is a choice.  All
//! else follows, so that a list of choices is a schedule.
//!
//! Checkers for concurrent Rust (shuttle, loom) choose who goes on as well,
//! but know neither time that passes, nor a process that is killed with a
//! request under way, nor states that were seen before; stateright would have
//! the code that ships written anew as a state machine.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};

use crate::actors::{message_of, Actor, Outcome};
use crate::check;
use crate::process::{self, Context, Fate, Kind, Wanted, STOPPED};
use crate::world::{KernelLocks, Late, World, LATE, SECOND};

/// What may go wrong.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Replies are lost, and requests repeated.
    pub replies: bool,
    /// The system says no.
    pub errors: bool,
    pub kills: bool,
    pub signals: bool,
    /// Hosts and the server crash.
    pub crashes: bool,
    /// Within the protocol's bounds.
    pub delays: bool,
    /// Beyond them.
    pub stops: bool,
}

pub struct Scenario {
    pub name: &'static str,
    /// What each process does, and on which host.
    pub actors: Vec<(Actor, usize)>,
    /// What the mailbox contains at the beginning, if it is there.
    pub mailbox: Option<&'static [u8]>,
    /// The server has that in its memory alone: who wrote it is no more.
    pub unstable: bool,
    pub kernel_locks: KernelLocks,
    /// All processes run on the server itself, as host 0.
    pub local: bool,
    pub faults: Faults,
    /// So many faults in one schedule.
    pub budget: u32,
}

/// Makes the choices.
pub trait Chooser {
    /// One of so many options, the first of which is to go on with the same
    /// process, and those from `faults` on are faults.  `None`: enough of this
    /// schedule.
    fn choose(
        &mut self,
        options: usize,
        faults: usize,
        state: &mut dyn FnMut() -> u64,
    ) -> Option<usize>;
}

/// What came of one schedule.
pub struct Run {
    /// What was found that must not be.
    pub wrong: Option<String>,
    pub trace: Vec<String>,
    pub steps: u64,
}

type Process = Coroutine<Fate, Wanted, Outcome>;

enum State {
    Ready(Kind, Option<Late>),
    Waiting(u64, Option<u64>),
    Ended(Outcome),
    Dead,
}

struct Scheduled {
    coroutine: Option<Process>,
    state: State,
    actor: Actor,
}

/// A schedule that is longer than this does not end.
const LONGEST: u64 = 100_000;
/// A delay that keeps nobody from a sign of life in time.
const SLOW: u64 = SECOND * 3 / 2;

thread_local! {
    static STACKS: std::cell::RefCell<Vec<DefaultStack>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn start(actor: Actor, process: usize) -> Process {
    let stack = STACKS.with_borrow_mut(Vec::pop);
    let stack = stack.unwrap_or_else(|| DefaultStack::new(256 << 10).expect("a stack"));
    Coroutine::with_stack(stack, move |yielder, _| {
        process::enter(process, yielder);
        actor.run()
    })
}

fn finish(mut coroutine: Process) {
    if !coroutine.done() {
        coroutine.force_unwind();
    }
    STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
}

pub struct Schedule<'a> {
    scenario: &'a Scenario,
    context: &'static Context,
    processes: Vec<Scheduled>,
    budget: u32,
    steps: u64,
}

/// Run one schedule.
pub fn run(scenario: &Scenario, chooser: &mut dyn Chooser, traced: bool) -> Run {
    let hosts = scenario.actors.iter().map(|(_, host)| host + 1).max();
    // One more for the delivery that comes after all this.
    let hosts = hosts.unwrap_or(0) + usize::from(!scenario.local);
    let mut world = World::new(hosts, scenario.kernel_locks);
    world.local = scenario.local;
    for (process, &(actor, host)) in scenario.actors.iter().enumerate() {
        world.add_process(host);
        world.messages[process] = message_of(actor, process).concat();
        if matches!(actor, Actor::Read) {
            world.readers.insert(process);
        }
        if matches!(actor, Actor::Steal { .. } | Actor::Append) {
            world.outsiders.insert(process);
        }
    }
    let last = (
        Actor::Deliver {
            pieces: 1,
            pause: 0,
        },
        hosts - 1,
    );
    let successor = world.add_process(last.1);
    world.messages[successor] = message_of(last.0, successor).concat();
    if let Some(text) = scenario.mailbox {
        let data = text.iter().map(|byte| (*byte, usize::MAX)).collect();
        let made = world.create(crate::world::MAILBOX, data);
        let file = made.ok().and_then(|number| world.files.get_mut(&number));
        if let Some(file) = file.filter(|_| scenario.unstable) {
            file.stable.clear();
        }
    }
    let mut schedule = Schedule {
        scenario,
        context: process::begin(world, traced),
        processes: Vec::new(),
        budget: scenario.budget,
        steps: 0,
    };
    for (process, &(actor, _)) in scenario.actors.iter().enumerate() {
        schedule.add(actor, process);
    }
    let ended = schedule.explore(chooser);
    if ended && schedule.wrong().is_none() {
        // Whatever happened, the next message arrives.
        schedule.budget = 0;
        schedule.add(last.0, successor);
        schedule.explore(&mut First);
        if schedule.wrong().is_none() {
            schedule.check_all();
        }
    }
    schedule.end()
}

/// Goes on as long as it goes.
struct First;

impl Chooser for First {
    fn choose(&mut self, _: usize, _: usize, _: &mut dyn FnMut() -> u64) -> Option<usize> {
        Some(0)
    }
}

impl Schedule<'_> {
    fn add(&mut self, actor: Actor, process: usize) {
        self.processes.push(Scheduled {
            coroutine: Some(start(actor, process)),
            state: State::Waiting(0, None),
            actor,
        });
    }

    fn wrong(&self) -> Option<String> {
        self.context.world.borrow().wrong.clone()
    }

    /// Until all have ended.  False: the chooser, or a check, said stop.
    fn explore(&mut self, chooser: &mut dyn Chooser) -> bool {
        let mut current = 0;
        loop {
            self.steps += 1;
            if self.steps > LONGEST {
                let mut world = self.context.world.borrow_mut();
                world.violate("it does not end".to_owned());
            }
            if self.wrong().is_some() {
                return false;
            }
            let ready = self.ready(current);
            let Some(&first) = ready.first() else {
                if self.pass() {
                    continue;
                }
                return true;
            };
            let mut options: Vec<(usize, Fate)> = ready
                .iter()
                .map(|process| (*process, Fate::Served))
                .collect();
            let faults = options.len();
            if self.budget > 0 {
                // Others have theirs when it is their turn.
                self.add_fates(first, &mut options);
            }
            let mut choice = 0;
            if options.len() > 1 {
                let mut state = || self.hash(first);
                match chooser.choose(options.len(), faults, &mut state) {
                    Some(chosen) => choice = chosen,
                    None => return false,
                }
            }
            if choice >= faults {
                self.budget -= 1;
            }
            let (process, fate) = options[choice];
            current = process;
            self.act(process, fate);
        }
    }

    /// Who can go on now, the current one first.
    fn ready(&self, current: usize) -> Vec<usize> {
        let world = self.context.world.borrow();
        let is_ready = |process: &usize| match &self.processes[*process].state {
            State::Ready(..) => true,
            State::Waiting(until, presence) => {
                *until <= world.now
                    || presence.is_some_and(|presence| world.ended.contains(&presence))
            }
            State::Ended(_) | State::Dead => false,
        };
        let mut ready: Vec<usize> = (0..self.processes.len()).filter(is_ready).collect();
        ready.sort_by_key(|process| *process != current);
        ready
    }

    /// Let time pass until something happens.  False: nothing will.
    fn pass(&mut self) -> bool {
        let mut world = self.context.world.borrow_mut();
        let waiting = self.processes.iter().filter_map(|process| {
            let State::Waiting(until, _) = process.state else {
                return None;
            };
            Some(until)
        });
        let late = world.late.iter().map(|(when, _)| *when);
        let Some(next) = waiting.chain(late).min() else {
            return false;
        };
        world.now = world.now.max(next);
        let now = world.now;
        let due = |(when, _): &(u64, Late)| *when <= now;
        let all = std::mem::take(&mut world.late).into_iter();
        let (mut due, later): (Vec<_>, Vec<_>) = all.partition(due);
        world.late = later;
        // A process is gone when its files are closed.
        due.sort_by_key(|(_, late)| matches!(late, Late::Gone(_)));
        for (_, late) in due {
            world.carry_out(&late);
            drop(world);
            process::trace(|| format!("late: {late:?}"));
            world = self.context.world.borrow_mut();
        }
        true
    }

    /// What decides all that may happen from now on.
    fn hash(&self, current: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.context.world.borrow().hash_into(&mut hasher);
        self.context.told.borrow().hash(&mut hasher);
        (current, self.budget).hash(&mut hasher);
        for process in &self.processes {
            match &process.state {
                State::Ready(kind, _) => (0, *kind).hash(&mut hasher),
                State::Waiting(until, presence) => (1, until, presence).hash(&mut hasher),
                State::Ended(outcome) => (2, outcome).hash(&mut hasher),
                State::Dead => 3.hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    /// Everything that may go wrong with what a process asks for.
    fn add_fates(&self, process: usize, options: &mut Vec<(usize, Fate)>) {
        let faults = self.scenario.faults;
        let actor = self.processes[process].actor;
        let mut actors = self.scenario.actors.iter();
        let is_reader = matches!(actor, Actor::Read);
        let mut add = |fate| options.push((process, fate));
        let (kind, late) = match &self.processes[process].state {
            State::Ready(kind, late) => (*kind, late),
            _ => (Kind::Wait, &None),
        };
        let rewrites = matches!(
            kind,
            Kind::SetSize | Kind::Write | Kind::Send | Kind::Sync | Kind::Close
        );
        if is_reader && rewrites {
            return;
        }
        if faults.kills {
            add(Fate::KilledBefore);
            if kind != Kind::Wait {
                add(Fate::KilledAfter);
            }
            if late.is_some() && !self.scenario.local {
                add(Fate::KilledMeanwhile(LATE));
            }
        }
        if faults.crashes {
            let host = self.scenario.actors[process].1;
            let hosts = self.scenario.actors.iter();
            let has_reader =
                |(actor, of): &(Actor, usize)| matches!(actor, Actor::Read) && *of == host;
            if !hosts.clone().any(has_reader) {
                add(Fate::HostCrashes);
            }
            if !self.scenario.local {
                add(Fate::ServerCrashes);
            }
        }
        if kind == Kind::Wait {
            return;
        }
        if faults.signals {
            add(Fate::Signal);
        }
        if faults.delays {
            add(Fate::Late(LATE));
            add(Fate::LateReply(SLOW));
        }
        if faults.stops {
            add(Fate::Late(STOPPED));
            add(Fate::LateReply(STOPPED));
            if late.is_some() && !self.scenario.local {
                add(Fate::Twice(SECOND / 2));
                add(Fate::KilledMeanwhile(STOPPED));
            }
        }
        if faults.replies
            && matches!(
                kind,
                Kind::Create | Kind::Link | Kind::Unlink | Kind::Rename
            )
        {
            add(Fate::Repeated);
        }
        if faults.errors {
            add(Fate::Fails(libc::EIO));
            match kind {
                Kind::Create | Kind::Link | Kind::Unlink | Kind::Rename | Kind::Touch => {
                    add(Fate::ServedButFails(libc::EIO));
                    if !self.scenario.local {
                        add(Fate::ServedButFails(libc::EINTR));
                        add(Fate::Fails(libc::EINTR));
                    }
                }
                Kind::Open | Kind::Look | Kind::Stat | Kind::Attributes | Kind::Read => {
                    add(Fate::Fails(libc::ESTALE));
                }
                Kind::Write => {
                    add(Fate::Short);
                    add(Fate::SentAtOnce);
                    add(Fate::Fails(libc::ENOSPC));
                    add(Fate::Fails(libc::EINTR));
                }
                Kind::Send => {
                    add(Fate::Fails(libc::EDQUOT));
                    add(Fate::Fails(libc::EINTR));
                    add(Fate::ServedButFails(libc::EIO));
                    add(Fate::FailsAfter(1, libc::ENOSPC));
                    add(Fate::FailsBefore(1, libc::ENOSPC));
                }
                Kind::Sync | Kind::SetSize | Kind::Close => {
                    add(Fate::ServedButFails(libc::EDQUOT));
                    add(Fate::Fails(libc::EINTR));
                }
                Kind::TryLock => {
                    let counts_on_it =
                        |actor: &Actor| matches!(actor, Actor::Remove | Actor::Append);
                    if !actors.any(|(actor, _)| counts_on_it(actor)) {
                        add(Fate::Fails(libc::ENOLCK));
                    }
                    add(Fate::Fails(libc::EINTR));
                }
                Kind::SyncDirectory | Kind::Wait => {}
            }
        }
    }

    fn act(&mut self, process: usize, fate: Fate) {
        match fate {
            Fate::KilledBefore => self.kill(process, LATE),
            Fate::KilledMeanwhile(time) => {
                if let State::Ready(_, Some(late)) = &self.processes[process].state {
                    let mut world = self.context.world.borrow_mut();
                    let when = world.now + time;
                    world.late.push((when, late.clone()));
                    if time > LATE {
                        world.robbed.insert(process);
                    }
                }
                self.kill(process, time);
            }
            Fate::HostCrashes => {
                let host = self.scenario.actors[process].1;
                process::trace(|| format!("host {host} crashes"));
                for (other, &(_, of)) in self.scenario.actors.iter().enumerate() {
                    if of == host && !matches!(self.processes[other].state, State::Ended(_)) {
                        self.drop_process(other);
                    }
                }
                self.context.world.borrow_mut().crash_host(host);
            }
            Fate::ServerCrashes => {
                process::trace(|| "the server crashes".to_owned());
                self.context.world.borrow_mut().crash_server();
            }
            fate => self.resume(process, fate),
        }
    }

    fn resume(&mut self, process: usize, fate: Fate) {
        if fate == Fate::Late(STOPPED) || fate == Fate::LateReply(STOPPED) {
            self.context.world.borrow_mut().robbed.insert(process);
        }
        self.context.current.set(process);
        let scheduled = &mut self.processes[process];
        let Some(coroutine) = &mut scheduled.coroutine else {
            return;
        };
        match coroutine.resume(fate) {
            CoroutineResult::Yield(Wanted::Request(kind, late)) => {
                scheduled.state = State::Ready(kind, late);
            }
            CoroutineResult::Yield(Wanted::Wait(until, presence)) => {
                scheduled.state = State::Waiting(until, presence);
            }
            CoroutineResult::Yield(Wanted::Death) => self.kill(process, LATE),
            CoroutineResult::Return(outcome) => {
                scheduled.state = State::Ended(outcome);
                if let Some(coroutine) = scheduled.coroutine.take() {
                    finish(coroutine);
                }
                process::trace(|| format!("process {process}: {outcome:?}"));
                let mut world = self.context.world.borrow_mut();
                world.over.insert(process);
                if outcome == Outcome::Done {
                    check::delivered(&mut world, process);
                }
            }
        }
    }

    fn kill(&mut self, process: usize, time: u64) {
        process::trace(|| format!("process {process} is killed"));
        self.drop_process(process);
        let mut world = self.context.world.borrow_mut();
        let until = world.now + time;
        world.kill(process, until);
    }

    fn drop_process(&mut self, process: usize) {
        self.context.current.set(process);
        self.context.dying.set(true);
        if let Some(coroutine) = self.processes[process].coroutine.take() {
            finish(coroutine);
        }
        self.context.dying.set(false);
        self.processes[process].state = State::Dead;
    }

    fn check_all(&self) {
        let outcomes = self.processes.iter().map(|process| match process.state {
            State::Ended(outcome) => Some(outcome),
            _ => None,
        });
        let outcomes: Vec<Option<Outcome>> = outcomes.collect();
        check::all(
            &mut self.context.world.borrow_mut(),
            self.scenario,
            &outcomes,
        );
    }

    fn end(mut self) -> Run {
        let wrong = self.wrong();
        for process in 0..self.processes.len() {
            if self.processes[process].coroutine.is_some() {
                self.drop_process(process);
            }
        }
        let trace = self.context.trace.take().unwrap_or_default();
        process::end(self.context);
        Run {
            wrong,
            trace,
            steps: self.steps,
        }
    }
}

/// Those who were killed.
pub fn dead(outcomes: &[Option<Outcome>]) -> BTreeSet<usize> {
    let dead = outcomes.iter().enumerate();
    dead.filter(|(_, outcome)| outcome.is_none())
        .map(|(process, _)| process)
        .collect()
}
