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

//! What a simulated process asks for, and what may become of it.
//!
//! A process is a coroutine that runs the code that ships.  Whatever it asks
//! the world for is a point at which the scheduler may let others go first,
//! have it fail, or kill the process.  While a killed process unwinds, all its
//! requests fail and change nothing.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, CStr};
use std::hash::{Hash, Hasher};

use corosensei::Yielder;

use crate::world::{Late, World};

/// The kinds of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Create,
    Link,
    Stat,
    Look,
    Touch,
    Unlink,
    Rename,
    Open,
    Attributes,
    TryLock,
    Read,
    Write,
    Sync,
    Send,
    Close,
    SetSize,
    SyncDirectory,
    Wait,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    Served,
    /// It has no effect, and this error is reported.
    Fails(c_int),
    /// It has its effect, and this error is reported all the same.
    ServedButFails(c_int),
    /// The reply was lost, and the server does not know the request again.
    Repeated,
    /// A part is written.
    Short,
    /// What is written goes to the server at once.
    SentAtOnce,
    /// So many parts go to the server before this error comes, and the rest
    /// is dropped, or the other way round.
    FailsAfter(usize, c_int),
    FailsBefore(usize, c_int),
    /// A signal comes, that asks the process to stop.
    Signal,
    /// The process, or the request, is delayed for that long.
    Late(u64),
    /// The reply is.
    LateReply(u64),
    /// It is carried out, and once more so much later.
    Twice(u64),
    /// The process is killed: before, after, or with the request under way
    /// for so long.
    KilledBefore,
    KilledAfter,
    KilledMeanwhile(u64),
    HostCrashes,
    ServerCrashes,
}

/// A process that is stopped for so long may lose its lock.
pub const STOPPED: u64 = 25 * crate::world::SECOND;

/// What a process waits for.
pub enum Wanted {
    /// The next request.
    Request(Kind, Option<Late>),
    /// A time, or the end of a presence.
    Wait(u64, Option<u64>),
    /// Nothing more: it is dead.
    Death,
}

pub struct Context {
    pub world: RefCell<World>,
    /// How each process gives up the processor; set when it begins.
    yielders: RefCell<Vec<*const Yielder<Fate, Wanted>>>,
    pub current: Cell<usize>,
    pub dying: Cell<bool>,
    /// A clock that goes on for a process that unwinds, lest it waits for ever.
    unwinding: Cell<u64>,
    /// A hash of everything that each process was told.
    pub told: RefCell<Vec<u64>>,
    pub trace: RefCell<Option<Vec<String>>>,
}

thread_local! {
    static CONTEXT: RefCell<Option<&'static Context>> = const { RefCell::new(None) };
}

/// Begin a world, and forget the last one.
pub fn begin(world: World, traced: bool) -> &'static Context {
    let processes = world.host_of.len();
    let context = Box::leak(Box::new(Context {
        world: RefCell::new(world),
        yielders: RefCell::new(vec![std::ptr::null(); processes]),
        current: Cell::new(0),
        dying: Cell::new(false),
        unwinding: Cell::new(0),
        told: RefCell::new(vec![0; processes]),
        trace: RefCell::new(traced.then(Vec::new)),
    }));
    CONTEXT.with_borrow_mut(|current| *current = Some(context));
    context
}

/// Free a world, when all of its processes have ended.
pub fn end(context: &'static Context) {
    CONTEXT.with_borrow_mut(|current| *current = None);
    // SAFETY: `begin` leaked it, nobody else frees it, and the one other
    // reference was taken away just now.
    drop(unsafe { Box::from_raw(std::ptr::from_ref(context).cast_mut()) });
}

fn context() -> &'static Context {
    CONTEXT.with_borrow(|context| context.expect("a world"))
}

pub fn enter(process: usize, yielder: &Yielder<Fate, Wanted>) {
    context().yielders.borrow_mut()[process] = yielder;
}

pub fn me() -> usize {
    context().current.get()
}

pub fn with<T>(act: impl FnOnce(&mut World, usize) -> T) -> T {
    let context = context();
    act(&mut context.world.borrow_mut(), context.current.get())
}

/// What a process is told decides what it does next.
pub fn tell(what: impl Hash) {
    let context = context();
    let told = &mut context.told.borrow_mut()[context.current.get()];
    let mut hasher = std::hash::DefaultHasher::new();
    told.hash(&mut hasher);
    what.hash(&mut hasher);
    *told = hasher.finish();
}

pub fn trace(line: impl FnOnce() -> String) {
    if let Some(trace) = context().trace.borrow_mut().as_mut() {
        trace.push(line());
    }
}

pub fn is_dying() -> bool {
    context().dying.get()
}

fn suspend(wanted: Wanted) -> Fate {
    let context = context();
    let yielder = context.yielders.borrow()[context.current.get()];
    // SAFETY: the process is running, so that its yielder, which lives on its
    // own stack, is there.
    unsafe { &*yielder }.suspend(wanted)
}

pub fn now() -> u64 {
    let context = context();
    if context.dying.get() {
        let later = context.unwinding.get() + crate::world::SECOND;
        context.unwinding.set(later);
        return context.world.borrow().now + later;
    }
    let now = context.world.borrow().now;
    tell(now);
    now
}

/// Wait for a time, or for the end of a presence.
pub fn wait(time: u64, presence: Option<u64>) {
    if !is_dying() {
        let until = with(|world, _| world.now.saturating_add(time));
        suspend(Wanted::Wait(until, presence));
    }
}

/// Ask the world for something.  Answers what becomes of it where that is not
/// the same for all requests.
pub fn ask(kind: Kind, what: &CStr, late: Option<Late>) -> Fate {
    if is_dying() {
        return Fate::Fails(libc::EIO);
    }
    let fate = suspend(Wanted::Request(kind, late));
    trace(|| {
        let (now, me) = with(|world, me| (world.now, me));
        let (seconds, rest) = (now / 1_000_000_000, now % 1_000_000_000 / 1_000_000);
        let fate = match fate {
            Fate::Served => String::new(),
            fate => format!(" {fate:?}"),
        };
        format!(
            "{seconds}.{rest:03} process {me}: {kind:?} {}{fate}",
            what.to_string_lossy()
        )
    });
    match fate {
        Fate::Late(time) => {
            wait(time, None);
            if matches!(
                kind,
                Kind::Write | Kind::SetSize | Kind::Unlink | Kind::Rename
            ) {
                // It looked before, and can look only after.
                blind(time);
            }
            Fate::Served
        }
        Fate::Signal => {
            with(|world, me| world.interrupted.insert(me));
            match kind {
                Kind::Attributes | Kind::Stat | Kind::Read | Kind::Close => Fate::Served,
                _ => Fate::Fails(libc::EINTR),
            }
        }
        fate => fate,
    }
}

/// A process that was stopped for so long may have lost its lock unnoticed.
fn blind(time: u64) {
    if time >= STOPPED && !is_dying() {
        with(|world, me| world.blind.insert(me));
    }
}

/// What comes after a request had its effect.
pub fn after(kind: Kind, fate: Fate) {
    match fate {
        Fate::LateReply(time) => {
            wait(time, None);
            if matches!(kind, Kind::Look | Kind::Write | Kind::SetSize) {
                blind(time);
            }
        }
        Fate::KilledAfter => {
            suspend(Wanted::Death);
        }
        _ => {}
    }
}

/// A request with one effect, that fails or succeeds as a whole.
pub fn request<T>(
    kind: Kind,
    what: &CStr,
    late: Option<Late>,
    effect: impl FnOnce(&mut World, usize) -> Result<T, c_int>,
    repeated: impl FnOnce(T) -> Result<T, c_int>,
) -> Result<T, c_int> {
    let again = late.clone();
    let fate = ask(kind, what, late);
    let result = match fate {
        Fate::Fails(errno) => Err(errno),
        Fate::ServedButFails(errno) => {
            let _ = with(effect);
            Err(errno)
        }
        Fate::Repeated => with(effect).and_then(repeated),
        Fate::Twice(time) => with(|world, me| {
            let result = effect(world, me);
            if let Some(again) = again {
                let when = world.now.saturating_add(time);
                world.late.push((when, again));
            }
            result
        }),
        _ => with(effect),
    };
    after(kind, fate);
    if let Err(errno) = &result {
        if !is_dying() {
            tell(errno);
            trace(|| format!("    {}", nix::errno::Errno::from_raw(*errno)));
        }
    }
    result
}

/// The same where a repeated request answers as the first.
pub fn simply<T>(
    kind: Kind,
    what: &CStr,
    effect: impl FnOnce(&mut World, usize) -> Result<T, c_int>,
) -> Result<T, c_int> {
    request(kind, what, None, effect, Ok)
}
