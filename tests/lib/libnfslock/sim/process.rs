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

//! Simulated processes: coroutines that run the protocol that ships.
//!
//! Whatever the protocol asks of the world suspends its process, and the
//! exploration decides when that takes effect and what it is answered.  What
//! nobody else can see (the clocks, chance, the process's own id) is answered
//! at once: to be held up there is the same as to be held up at the request
//! before or after it.
//!
//! A process is killed by dropping its coroutine.  Its destructors run then, as
//! they do not when a real one is killed; so the world answers nothing to the
//! dead.

use std::cell::RefCell;
use std::ffi::{c_int, CStr, CString};
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use nfslock::filesystem::{Attributes, Contents, FileSystem, Look};
use nfslock::host::Host;
use nfslock::identity::{Identity, Token};
use nfslock::timing::Span;

use crate::world::{Answer, Ask, Call, Doing, Handle, Meeting, Nanos, Stat, World};

/// What a process does.
pub type Script = Rc<dyn Fn(&Process)>;

/// A process, as the code that runs in it knows itself.
#[derive(Clone)]
pub struct Process {
    pub id: usize,
    world: Rc<RefCell<World>>,
    yielder: *const Yielder<Answer, Call>,
}

/// The same, as who runs it knows it.
pub struct Task(Coroutine<Answer, Call, (), DefaultStack>);

/// How old an answer may be on which a file is removed that was not written.
const PROMPT: Span = Span::from_millis(125);

const STACK: usize = 128 * 1024;

thread_local! {
    /// Stacks are used again: each is a system call or two to make.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

impl Task {
    /// A process that has not begun.
    pub fn new(id: usize, world: &Rc<RefCell<World>>, script: &Script) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop);
        let stack = stack.unwrap_or_else(|| DefaultStack::new(STACK).unwrap());
        let (world, script) = (world.clone(), script.clone());
        Self(Coroutine::with_stack(stack, move |yielder, _| {
            script(&Process {
                id,
                world: world.clone(),
                yielder,
            });
        }))
    }

    /// Go on with an answer, until the next call; `None`: it has ended.
    pub fn resume(&mut self, answer: Answer) -> Option<Call> {
        match self.0.resume(answer) {
            CoroutineResult::Yield(call) => Some(call),
            CoroutineResult::Return(()) => None,
        }
    }

    /// It is over.  Nothing that it asks for now is done.
    pub fn end(mut self) {
        self.0.force_unwind();
        STACKS.with_borrow_mut(|stacks| stacks.push(self.0.into_stack()));
    }
}

impl Process {
    fn ask(&self, call: Call) -> Answer {
        if !self.is_alive() {
            return Answer::Dead;
        }
        // SAFETY: the coroutine that this code runs on has made the yielder,
        // and keeps it until the code has ended; a process is not given away
        // to another coroutine.
        let answer = unsafe { &*self.yielder }.suspend(call);
        self.world().processes[self.id].learn(&answer);
        answer
    }

    /// The world, for what takes no time and is no request.
    pub fn world(&self) -> std::cell::RefMut<'_, World> {
        self.world.borrow_mut()
    }

    fn is_alive(&self) -> bool {
        self.world.borrow().processes[self.id].is_alive()
    }

    fn place(&self, ask: Ask) -> Answer {
        if !self.is_alive() {
            return Answer::Dead;
        }
        let alone = {
            let world = self.world.borrow();
            let host = world.processes[self.id].host;
            let others = world.processes.iter().enumerate();
            let here = |(id, other): (usize, &crate::world::Process)| {
                id != self.id && other.host == host && other.is_alive()
            };
            !others.into_iter().any(here)
        };
        // Nobody else is on this host to see when it does that, or there is no
        // place where anybody could.
        if alone || self.has_no_place() {
            let mut world = self.world();
            let now = world.now;
            let answer = world.execute(self.id, &Call::Place(ask), now);
            world.processes[self.id].learn(&answer);
            return answer;
        }
        self.ask(Call::Place(ask))
    }

    fn has_no_place(&self) -> bool {
        let world = self.world.borrow();
        world.kernels[world.processes[self.id].host].meeting == Meeting::Missing
    }

    /// End at once, without cleaning up.
    pub fn exit(&self) {
        self.ask(Call::Exit);
    }

    /// Make a file exclusively, with these contents; empty: in one step.
    pub fn make(&self, name: &CStr, contents: &[u8]) -> Result<Stat, c_int> {
        let Answer::Made(made) = self.ask(Call::Make(name.to_owned())) else {
            return Err(libc::EIO);
        };
        let handle = made?;
        let written = if contents.is_empty() {
            self.ask(Call::Stat(name.to_owned()))
        } else {
            self.ask(Call::Write(handle, contents.to_vec()))
        };
        match written {
            Answer::Stat(Ok(stat)) => return Ok(stat),
            Answer::Dead => return Err(libc::EIO),
            _ => {}
        }
        // As the real one does: unless another's has the name by now, and only
        // at once.  It has the file open, so that on a local disk its number is
        // not used again.
        let looked = self.monotonic();
        let is_it = if self.is_local() {
            self.open(name).is_ok_and(|(.., found)| found == handle)
        } else {
            let found = self.ask(Call::Stat(name.to_owned()));
            matches!(found, Answer::Stat(Ok(stat)) if stat.ino == handle.ino)
        };
        if is_it && self.monotonic().minus(looked) < PROMPT {
            self.ask(Call::Unlink(name.to_owned()));
        }
        match written {
            Answer::Stat(Err(errno)) => Err(errno),
            _ => Err(libc::EIO),
        }
    }

    /// What is under a name, and its handle.
    pub fn open(&self, name: &CStr) -> Result<(Stat, Vec<u8>, Handle), c_int> {
        match self.ask(Call::Look(name.to_owned())) {
            Answer::Looked(looked) => looked,
            _ => Err(libc::EIO),
        }
    }

    /// Remove a name, without looking.
    pub fn remove(&self, name: &CStr) -> Result<(), c_int> {
        self.unit(Call::Unlink(name.to_owned()))
    }

    /// Is there a process of that id on its host?
    pub fn sees(&self, pid: i32) -> bool {
        let world = self.world.borrow();
        let host = world.processes[self.id].host;
        let others = &world.processes;
        let mut here = others.iter().filter(|other| other.host == host);
        here.any(|other| other.pid == pid && other.is_alive())
    }

    /// Wait that long.
    pub fn pause(&self, time: Nanos) {
        self.ask(Call::Wait(time));
    }

    /// Attributes, as the host's cache has them.
    pub fn attributes(&self, name: &CStr) -> Result<Stat, c_int> {
        match self.ask(Call::Stat(name.to_owned())) {
            Answer::Stat(stat) => stat,
            _ => Err(libc::EIO),
        }
    }

    fn unit(&self, call: Call) -> Result<(), c_int> {
        match self.ask(call) {
            Answer::Unit(result) => result,
            _ => Err(libc::EIO),
        }
    }
}

impl FileSystem for Process {
    fn is_local(&self) -> bool {
        self.world.borrow().is_local(self.id)
    }

    fn create(&self, name: &CStr, contents: &[u8]) -> Result<Attributes, c_int> {
        self.make(name, contents).map(Stat::attributes)
    }

    fn link(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.unit(Call::Link(from.to_owned(), to.to_owned()))
    }

    fn stat(&self, name: &CStr) -> Result<Attributes, c_int> {
        self.attributes(name).map(Stat::attributes)
    }

    fn look(&self, name: &CStr) -> Result<Look, c_int> {
        let (stat, contents, _) = self.open(name)?;
        Ok(Look {
            attributes: stat.attributes(),
            contents: Token::parse(&contents).map_or(Contents::Foreign, Contents::Ours),
        })
    }

    fn read(&self, name: &CStr) -> Result<Option<Token>, c_int> {
        self.open(name)
            .map(|(_, contents, _)| Token::parse(&contents))
    }

    fn touch(&self, name: &CStr, expected: &Identity) -> Result<Look, c_int> {
        let (stat, contents, handle) = self.open(name)?;
        if stat.ino == expected.ino && Token::parse(&contents) == Some(expected.token) {
            self.unit(Call::SetTimes(handle))?;
        }
        self.look(name)
    }

    fn unlink(&self, name: &CStr) -> Result<(), c_int> {
        self.unit(Call::Unlink(name.to_owned()))
    }

    fn rename(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.unit(Call::Rename(from.to_owned(), to.to_owned()))
    }

    fn restore(&self, from: &CStr, to: &CStr) -> Result<(), c_int> {
        self.link(from, to)
    }

    fn list(&self, each: &mut dyn FnMut(&CStr)) -> Result<(), c_int> {
        let Answer::Names(names) = self.ask(Call::List) else {
            return Err(libc::EIO);
        };
        names?.iter().for_each(|name: &CString| each(name));
        Ok(())
    }
}

/// A process that is present; it is no more when this is dropped.
pub struct Presence {
    number: usize,
    process: Process,
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Whoever is dead has been present no more since then.
        if self.process.is_alive() {
            self.process.world().end_presence(self.number);
        }
    }
}

impl Host for Process {
    type Presence = Presence;
    type Neighbour = usize;

    fn monotonic(&self) -> Span {
        let now = self.world.borrow().monotonic(self.id);
        self.world().processes[self.id].learn(now);
        Span::from_nanos(now)
    }

    fn wait(&self, time: Span) {
        self.pause(time.as_nanos());
    }

    fn random(&self) -> u64 {
        self.world().random(self.id)
    }

    fn pid(&self) -> i32 {
        // The dead do nothing more with a lock, as a child does not.
        let state = &self.world.borrow().processes[self.id];
        if state.is_alive() {
            state.pid
        } else {
            -1
        }
    }

    fn token(&self) -> Token {
        let random = self.random();
        let world = self.world.borrow();
        let state = &world.processes[self.id];
        let name = world.kernels[state.host].name;
        Token::new(name.as_bytes(), state.pid, self.id as u64, random)
    }

    fn appear(&self, token: &Token) -> Option<Presence> {
        match self.place(Ask::Appear(*token)) {
            Answer::Number(Some(number)) => Some(Presence {
                number,
                process: self.clone(),
            }),
            _ => None,
        }
    }

    fn withdraw(&self, presence: &Presence) -> bool {
        self.place(Ask::Withdraw(presence.number)) == Answer::Bool(true)
    }

    fn ring(&self, presence: &Presence) {
        self.place(Ask::Ring(presence.number));
    }

    fn neighbour(&self, token: &Token) -> Option<usize> {
        match self.place(Ask::Neighbour(*token)) {
            Answer::Number(number) => number,
            _ => None,
        }
    }

    fn outlived(&self, neighbour: &usize, time: Span) -> bool {
        self.ask(Call::Outlived(*neighbour, time.as_nanos())) == Answer::Bool(true)
    }

    fn is_dead(&self, token: &Token, _: u32) -> bool {
        self.place(Ask::IsDead(*token)) == Answer::Bool(true)
    }

    fn inherit(&self, token: &Token) -> bool {
        self.place(Ask::Inherit(*token)) == Answer::Bool(true)
    }

    fn line_up(&self, ahead: &Token, own: &Token) -> bool {
        self.place(Ask::LineUp(*ahead, *own)) == Answer::Bool(true)
    }

    fn next_after(&self, ahead: &Token) -> Option<Token> {
        match self.place(Ask::NextAfter(*ahead)) {
            Answer::Token(token) => token,
            _ => None,
        }
    }

    fn is_last(&self, token: &Token) -> bool {
        self.next_after(token).is_none()
    }

    fn step_out(&self, ahead: &Token) {
        self.place(Ask::StepOut(*ahead));
    }

    fn tidy(&self) {
        self.place(Ask::Tidy);
    }
}

/// What a process does next, given what it asked for.
pub fn begin(call: Call, now: Nanos) -> Doing {
    let at = match &call {
        Call::Wait(time) | Call::Outlived(_, time) => now.saturating_add(*time),
        _ => now,
    };
    Doing::Calling {
        call,
        issued: now,
        at,
    }
}
