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

//! One recipient's delivery.  The order of its steps is its safety.

use core::time::Duration;

use nix::errno::Errno;

use crate::caller::Caller;
use crate::config::Config;
use crate::dotlock::Dotlock;
use crate::identity::Identity;
use crate::log;
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::notice;
use crate::options::Options;
use crate::place::Place;
use crate::recipient::Recipient;
use crate::status::{Failure, Status};
use crate::sys::{self, Instant, SystemTime, UNIX_EPOCH};
use crate::template::Expanded;

/// How long the kernel's lock is waited for before the dotlock is let go.
/// Programs that take the kernel's lock first try for the dotlock no more than once a second: the
/// dotlock has to be free for longer than that, and never held for as long.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long the dotlock is then left to others at least.
const RESPITE: Duration = Duration::from_secs(1);

/// What is said of a mailbox that could not be put back as it was.
const LEFT: &str = "what is in the mailbox is left alone";

/// What the delivery to one recipient needs to know.
pub struct Delivery<'a> {
    recipient: &'a Recipient,
    mailbox: Expanded,
    spool: Expanded,
    identity: Identity,
    limit: Duration,
    stale: Duration,
    bounce: bool,
}

/// What came of one try.
enum Outcome {
    /// The message is in the mailbox, from this offset on.
    Delivered(u64),
    /// Another program had the mailbox, as these words say.
    Busy(&'static str),
}

impl<'a> Delivery<'a> {
    /// Work out where the recipient's mail goes, and how.
    pub fn new(
        options: &Options,
        config: &Config,
        caller: &Caller,
        recipient: &'a Recipient,
    ) -> Result<Self, Failure> {
        Ok(Self {
            recipient,
            mailbox: options
                .template
                .as_ref()
                .unwrap_or(&config.mailbox)
                .expand(recipient)?,
            spool: config.spool.expand(recipient)?,
            identity: Identity::new(recipient, caller.is_privileged()),
            limit: options.limit.unwrap_or(config.limit),
            stale: config.stale,
            bounce: options.bounce || config.bounce,
        })
    }

    /// Deliver the message, trying until the limit is over.
    pub fn deliver(&self, from_line: &[u8], message: &Message) -> Result<(), Failure> {
        let now = Instant::now();
        let until = now.checked_add(self.limit).unwrap_or(now);
        loop {
            let outcome = self.attempt(from_line, message, until);
            // Every lock is released, and the mailbox closed.
            log::tell();
            match outcome {
                Ok(Outcome::Delivered(offset)) => {
                    self.step(|| format!("delivered at offset {offset}"));
                    notice::send(&self.recipient.name, offset);
                    return Ok(());
                }
                Ok(Outcome::Busy(_)) if Instant::now() < until => {
                    let left = until.saturating_duration_since(Instant::now());
                    sys::pause(respite().min(left));
                }
                Ok(Outcome::Busy(why)) => {
                    let path = self.mailbox.path.display();
                    return Err(Failure::temporary(format!(
                        "{path}: {why}; the MTA will try again"
                    )));
                }
                Err(mut failure) => {
                    if self.bounce && failure.errno == Some(Errno::EDQUOT) {
                        failure.status = Status::CannotCreate;
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// One try, from the recipient's identity to the release of the locks.
    fn attempt(
        &self,
        from_line: &[u8],
        message: &Message,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        if sys::interrupted() {
            return Err(Failure::interrupted());
        }
        // The recipient's rights first: what is done by nobody else's right cannot be turned against
        // anybody else, and a server that squashes root has no root to refuse.
        let place = Place::open(&self.mailbox, self.recipient, &self.identity)?;
        let link = self.link(&place)?;
        self.identity.assume(place.right.to_write())?;
        self.step(|| format!("{}: files are made {}", place.path.display(), place.right));

        // The dotlock before the mailbox is opened: on NFS, open() is what fetches the size as the
        // last writer left it.  And before the kernel's lock, never while that is held: a reader that
        // takes them in the other order would wait for us as we for it.
        let mut dotlock = Dotlock::take(link.as_ref(), &place, &self.identity, until, self.stale)?;
        self.step(|| "dotlock taken".to_owned());

        let stored = self.store(&place, &mut dotlock, from_line, message, until);

        // The message is safe or was taken back: nobody sees half a message.  A lock that cannot be
        // released, or was stolen after the last look, changes nothing about that.
        match (dotlock.release(), stored) {
            (Ok(()), stored) => {
                self.step(|| "dotlock released".to_owned());
                stored
            }
            (Err(reason), Ok(outcome)) => {
                let reason = match outcome {
                    Outcome::Delivered(_) => reason.with("the message was delivered"),
                    Outcome::Busy(_) => reason,
                };
                log::note(&self.recipient.name, &reason.what);
                Ok(outcome)
            }
            (Err(reason), Err(failure)) => Err(failure.with(&reason.what)),
        }
    }

    /// Store the message under the dotlock, or leave the mailbox as it was.
    fn store(
        &self,
        place: &Place,
        dotlock: &mut Dotlock,
        from_line: &[u8],
        message: &Message,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        let mailbox = Mailbox::open(place, &self.identity, self.recipient, from_line)?;
        let Some(mut mailbox) = mailbox else {
            return Ok(Outcome::Busy("another program keeps a lease on it"));
        };
        let outcome = match self.fill(&mut mailbox, dotlock, message, until) {
            Ok(Outcome::Busy(why)) => return Ok(Outcome::Busy(why)),
            Ok(delivered) => delivered,
            Err(failure) => {
                return Err(match mailbox.roll_back(dotlock) {
                    Ok(()) => failure,
                    Err(reason) => failure.with(LEFT).with(&reason.what),
                });
            }
        };

        // Who was robbed of the lock meanwhile cannot know what else was written to the mailbox, and
        // does not report success.  Nor is anything taken back any more: a message that comes twice is
        // better than another one lost.
        dotlock
            .verify()
            .and_then(|()| mailbox.check_whole(message, &mut || dotlock.refresh_if_due()))
            .map_err(|failure| failure.with(LEFT))?;
        Ok(outcome)
    }

    /// The steps under both locks, up to the close.
    fn fill(
        &self,
        mailbox: &mut Mailbox,
        dotlock: &mut Dotlock,
        message: &Message,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        // Any user who can read a mailbox can lock it for ever, so this wait has an end.
        let left = until.saturating_duration_since(Instant::now());
        let patience = PATIENCE.min(dotlock.interval()).min(left);
        if !mailbox.lock(patience)? {
            return Ok(Outcome::Busy("another program keeps its kernel lock"));
        }
        if !mailbox.is_in_place()? {
            return Ok(Outcome::Busy("another program removed or replaced it"));
        }
        self.step(|| "kernel lock taken".to_owned());

        // The wait may have been long.  A dotlock that is not ours any more is another host's, and
        // that host is writing now.
        dotlock.verify()?;

        mailbox.look_at_tail()?;
        mailbox.append(message, &mut || Self::go_on(dotlock))?;

        // Sync before close, and close before the release: the next host must find the whole message,
        // and a full disk or quota that shows only now must not be reported as a delivery.
        mailbox.sync()?;
        self.step(|| "message written and synced".to_owned());
        mailbox.close()?;
        Ok(Outcome::Delivered(mailbox.offset()))
    }

    /// Between two pieces of a message: give a sign of life, unless the delivery has to stop.
    fn go_on(dotlock: &mut Dotlock) -> Result<(), Failure> {
        if sys::interrupted() {
            return Err(Failure::interrupted());
        }
        dotlock.refresh_if_due()
    }

    /// The place of the link that readers find the mailbox by, if the administrator put one there.
    /// They lock what they see, so its dotlock is needed beside the mailbox's own.
    fn link(&self, mailbox: &Place) -> Result<Option<Place>, Failure> {
        if self.spool == self.mailbox {
            return Ok(None);
        }
        Place::of_link(&self.spool, mailbox, self.recipient, &self.identity)
    }

    fn step(&self, what: impl FnOnce() -> String) {
        log::step(&self.recipient.name, what);
    }
}

/// Up to twice the time, by chance: else two programs could wait in step.
fn respite() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let chance = now.map_or(0, |now| now.subsec_nanos() % 1000);
    RESPITE.saturating_add(Duration::from_millis(chance.into()))
}
