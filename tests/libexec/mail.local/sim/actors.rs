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

//! What the processes of a scenario do.

use std::time::Duration;

use nfslock::Limit;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{getegid, geteuid};

use crate::caller::Caller;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::message::Message;
use crate::options::Options;
use crate::process::{me, simply, trace, wait, with, Kind};
use crate::recipient::Recipient;
use crate::status::Failure;
use crate::sys::{self, File, Lock, OwnedFd, Write};
use crate::template::Template;
use crate::world::{DOTLOCK, MAILBOX, SECOND};

/// The stale limit of everybody, that all else is in proportion to.
pub const STALE: Duration = Duration::from_secs(8);
/// How long a delivery tries.
pub const LIMIT: Duration = Duration::from_secs(120);

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub enum Actor {
    /// Delivers a message in so many pieces, and pauses before each for so
    /// many milliseconds, as on a slow disk.
    Deliver { pieces: usize, pause: u64 },
    /// Reads the mailbox and removes its first message, under its dotlock and
    /// the kernel's lock.
    Read,
    /// Appends a message, under the kernel's lock alone.
    Append,
    /// Removes the mailbox after having read it, under the kernel's lock alone.
    Remove,
    /// Takes the dotlock by `O_EXCL`, breaking it when it looks older than so
    /// many seconds by a clock that is wrong by so many, holds it for as many
    /// as said, and removes it blindly.  Writes nothing.
    Steal { age: u64, skew: u64, held: u64 },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what it was to do.
    Done,
    /// It did not, and left nothing.
    Failed,
    /// It did not, and said that what is in the mailbox is left alone.
    Left,
}

/// The message of a process, From_ line and all.
pub fn message_of(actor: Actor, process: usize) -> Vec<Vec<u8>> {
    let pieces = match actor {
        Actor::Deliver { pieces, .. } => pieces,
        Actor::Append => 1,
        Actor::Read | Actor::Remove | Actor::Steal { .. } => return Vec::new(),
    };
    let mut message = vec![format!("From p{process}\n").into_bytes()];
    for piece in 0..pieces {
        let end = if piece + 1 == pieces { "\n" } else { "" };
        message.push(format!("{process}:{piece}\n{end}").into_bytes());
    }
    message
}

impl Actor {
    pub fn run(self) -> Outcome {
        match self {
            Self::Deliver { pause, .. } => deliver(message_of(self, me()), pause),
            Self::Read => read().unwrap_or(Outcome::Failed),
            Self::Append => append(&message_of(self, me()).concat()).unwrap_or(Outcome::Failed),
            Self::Remove => remove().unwrap_or(Outcome::Failed),
            Self::Steal { age, skew, held } => steal(age, skew, held),
        }
    }
}

fn deliver(mut message: Vec<Vec<u8>>, pause: u64) -> Outcome {
    let template = || Template::parse(b"/var/mail/%u").expect("a template");
    let options = Options {
        template: None,
        limit: None,
        bounce: false,
    };
    let config = Config {
        mailbox: template(),
        spool: template(),
        limit: LIMIT,
        stale: STALE,
        bounce: false,
    };
    let recipient = Recipient {
        name: b"joe".to_vec(),
        uid: geteuid(),
        gid: getegid(),
        home: "/home/joe".into(),
    };
    let from_line = message.remove(0);
    let delivered = Delivery::new(&options, &config, &Caller, &recipient)
        .and_then(|delivery| delivery.deliver(&from_line, &Message::new(message, pause)));
    match delivered {
        Ok(()) => Outcome::Done,
        Err(Failure { what, .. }) => {
            trace(|| format!("    {what}"));
            if what.contains("left alone") {
                Outcome::Left
            } else {
                Outcome::Failed
            }
        }
    }
}

/// A mail reader that does all that mail.local(8) asks of one.
fn read() -> Result<Outcome, std::io::Error> {
    let options = nfslock::Options {
        limit: Limit::For(LIMIT),
        stale: STALE,
        ..nfslock::Options::default()
    };
    let Ok(lock) = Lock::acquire_at(0, MAILBOX, &options) else {
        return Ok(Outcome::Failed);
    };
    let rewritten = rewrite(&lock);
    let released = lock.release().is_ok();
    rewritten.map(|done| {
        if done && released {
            Outcome::Done
        } else {
            Outcome::Failed
        }
    })
}

fn rewrite(lock: &Lock) -> Result<bool, std::io::Error> {
    let directory = OwnedFd::of_directory();
    let file = sys::openat(&directory, MAILBOX, OFlag::O_RDWR, Mode::empty())?;
    for _ in 0..8 {
        if sys::try_lock(&file, true)? {
            if !is_in_place(&directory, &file)? {
                return Ok(false);
            }
            let text = file.read()?;
            let end = text.windows(2).position(|pair| pair == b"\n\n");
            let (first, rest) = text.split_at(end.map_or(0, |end| end + 2));
            if first.is_empty() || lock.verify().is_err() {
                return Ok(false);
            }
            // The check and the rewriting as one step: a reader that is stopped
            // or killed between them loses mail, whoever delivers it.
            with(|world, me| {
                if world.text(MAILBOX) != text && !world.robbed.contains(&me) {
                    world.violate(format!("process {me} read what is not there"));
                }
                let read = world.messages.iter().position(|message| message == first);
                world.read.extend(read);
            });
            file.set_len(0)?;
            if !rest.is_empty() {
                file.write(rest)?;
            }
            sys::sync(&file)?;
            return Ok(true);
        }
        sys::pause(Duration::from_millis(100));
    }
    Ok(false)
}

/// Whether a file that was locked still is the mailbox.
fn is_in_place(directory: &OwnedFd, file: &File) -> Result<bool, std::io::Error> {
    let here = sys::fstatat(directory, MAILBOX, AtFlags::empty())?;
    Ok(here.st_ino == sys::fstat(file)?.st_ino)
}

/// Programs that know nothing of dotlocks.
fn append(message: &[u8]) -> Result<Outcome, std::io::Error> {
    let directory = OwnedFd::of_directory();
    let file = sys::openat(&directory, MAILBOX, OFlag::O_RDWR, Mode::empty())?;
    for _ in 0..8 {
        if sys::try_lock(&file, true)? {
            if !is_in_place(&directory, &file)? {
                return Ok(Outcome::Failed);
            }
            let text = file.read()?;
            let mending = match text.as_slice() {
                [] | [.., b'\n', b'\n'] => &b""[..],
                _ => b"\n\n",
            };
            let whole = [mending, message].concat();
            if file.write(&whole)? < whole.len() || sys::sync(&file).is_err() {
                return Ok(Outcome::Left);
            }
            return Ok(Outcome::Done);
        }
        sys::pause(Duration::from_millis(100));
    }
    Ok(Outcome::Failed)
}

fn remove() -> Result<Outcome, std::io::Error> {
    let directory = OwnedFd::of_directory();
    let file = sys::openat(&directory, MAILBOX, OFlag::O_RDWR, Mode::empty())?;
    for _ in 0..8 {
        if sys::try_lock(&file, true)? {
            if !is_in_place(&directory, &file)? {
                return Ok(Outcome::Failed);
            }
            let text = file.read()?;
            let removed = simply(Kind::Unlink, MAILBOX, |world, me| {
                for (process, message) in world.messages.iter().enumerate() {
                    if !message.is_empty() && text.windows(message.len()).any(|at| at == message) {
                        world.read.insert(process);
                    }
                }
                world.unlink(Some(me), MAILBOX)
            });
            return Ok(removed.map_or(Outcome::Failed, |()| Outcome::Done));
        }
        sys::pause(Duration::from_millis(100));
    }
    Ok(Outcome::Failed)
}

/// A peer by other rules.
fn steal(age: u64, skew: u64, held: u64) -> Outcome {
    for _ in 0..64 {
        let made = simply(Kind::Create, DOTLOCK, |world, me| {
            world.create(DOTLOCK, vec![(b'1', me)])
        });
        if made.is_ok() {
            wait(held * SECOND, None);
            let _ = simply(Kind::Unlink, DOTLOCK, |world, me| {
                world.unlink(Some(me), DOTLOCK)
            });
            return Outcome::Done;
        }
        let old = simply(Kind::Stat, DOTLOCK, |world, _| {
            let mtime = world.file(world.find(DOTLOCK)?)?.mtime;
            Ok(world.now + skew * SECOND >= mtime + age * SECOND)
        });
        crate::process::tell(old);
        if old == Ok(true) {
            let _ = simply(Kind::Unlink, DOTLOCK, |world, me| {
                world.unlink(Some(me), DOTLOCK)
            });
        } else {
            wait(SECOND, None);
        }
    }
    Outcome::Failed
}
