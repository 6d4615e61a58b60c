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

//! Which schedules are run: all of a small scenario, or many of a large one by
//! chance.  One that goes wrong is made as simple as it gets, and told.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::time::Instant;

use crate::schedule::{run, Chooser, Run, Scenario};

/// More states than this are not remembered.
const MOST_STATES: usize = 30_000_000;

/// How much was explored.
#[derive(Default)]
pub struct Explored {
    pub schedules: u64,
    pub steps: u64,
    /// There was no time, or room, for the rest.
    pub cut: bool,
}

/// Depth first, a state that was seen before only once.
#[derive(Default)]
struct DepthFirst {
    /// What was chosen, of how many.
    path: Vec<(usize, usize)>,
    at: usize,
    seen: HashSet<u64>,
}

impl DepthFirst {
    /// Go to the next path.  False: there is none.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, options)) = self.path.pop() {
            if chosen + 1 < options {
                self.path.push((chosen + 1, options));
                return true;
            }
        }
        false
    }
}

impl Chooser for DepthFirst {
    fn choose(
        &mut self,
        options: usize,
        _: usize,
        state: &mut dyn FnMut() -> u64,
    ) -> Option<usize> {
        if self.at == self.path.len() {
            if !self.seen.insert(state()) {
                return None;
            }
            self.path.push((0, options));
        }
        let (chosen, _) = self.path[self.at];
        self.at += 1;
        Some(chosen)
    }
}

/// By chance, from a seed.
struct Random {
    state: u64,
    /// How often in 1000 steps another process goes on, and something fails.
    switch: u64,
    fault: u64,
    chosen: Vec<usize>,
}

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            switch: 0,
            fault: 0,
            chosen: Vec::new(),
        };
        random.switch = [5, 50, 300, 800][random.below(4)];
        random.fault = [3, 10, 30][random.below(3)];
        random
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from((self.next() >> 16) % limit as u64).unwrap_or(0)
    }
}

impl Chooser for Random {
    fn choose(
        &mut self,
        options: usize,
        faults: usize,
        _: &mut dyn FnMut() -> u64,
    ) -> Option<usize> {
        let chance = (self.next() >> 16) % 1000;
        let chosen = if options > faults && chance < self.fault {
            faults + self.below(options - faults)
        } else if faults > 1 && chance < self.fault + self.switch {
            self.below(faults)
        } else {
            0
        };
        self.chosen.push(chosen);
        Some(chosen)
    }
}

/// The same again: the choices that are not the first.
struct Replay {
    choices: BTreeMap<usize, usize>,
    at: usize,
}

impl Chooser for Replay {
    fn choose(&mut self, options: usize, _: usize, _: &mut dyn FnMut() -> u64) -> Option<usize> {
        let chosen = self.choices.get(&self.at).copied().unwrap_or(0);
        self.at += 1;
        Some(chosen.min(options - 1))
    }
}

pub fn replay(scenario: &Scenario, choices: &BTreeMap<usize, usize>, traced: bool) -> Run {
    let choices = choices.clone();
    run(scenario, &mut Replay { choices, at: 0 }, traced)
}

/// All schedules with so many faults as the scenario has, until a time.
pub fn exhaust(scenario: &Scenario, until: Instant) -> Explored {
    let mut chooser = DepthFirst::default();
    let mut explored = Explored::default();
    loop {
        let done = run(scenario, &mut chooser, false);
        explored.schedules += 1;
        explored.steps += done.steps;
        if done.wrong.is_some() {
            let chosen = chooser.path.iter().map(|(chosen, _)| *chosen).collect();
            fail(scenario, chosen);
        }
        if !chooser.next() {
            return explored;
        }
        if Instant::now() > until || chooser.seen.len() > MOST_STATES {
            explored.cut = true;
            return explored;
        }
    }
}

/// Schedules by chance, one for each of these seeds.
pub fn wander(scenario: &Scenario, seeds: Range<u64>) -> Explored {
    let mut explored = Explored::default();
    for seed in seeds {
        let mut chooser = Random::new(seed);
        let done = run(scenario, &mut chooser, false);
        explored.schedules += 1;
        explored.steps += done.steps;
        if done.wrong.is_some() {
            eprintln!("seed {seed}");
            fail(scenario, chooser.chosen);
        }
    }
    explored
}

/// Tell of a schedule that goes wrong, without what it does not need for that.
fn fail(scenario: &Scenario, chosen: Vec<usize>) -> ! {
    let chosen = chosen.into_iter().enumerate();
    let mut choices: BTreeMap<usize, usize> = chosen.filter(|(_, chosen)| *chosen > 0).collect();
    for at in choices.keys().copied().collect::<Vec<_>>() {
        let mut fewer = choices.clone();
        fewer.remove(&at);
        if replay(scenario, &fewer, false).wrong.is_some() {
            choices = fewer;
        }
    }
    let done = replay(scenario, &choices, true);
    for line in &done.trace {
        eprintln!("{line}");
    }
    let list: Vec<String> = choices
        .iter()
        .map(|(at, chosen)| format!("{at}:{chosen}"))
        .collect();
    panic!(
        "{}: {}\nAgain: NFSLOCK_REPLAY='{} {}' cargo test --test deliveries replay",
        scenario.name,
        done.wrong.unwrap_or_default(),
        scenario.name,
        list.join(" ")
    );
}
