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

//! Who runs the program, and what of the caller's wishes is believed.

use nix::unistd::{getegid, geteuid, getgid, getuid, seteuid, setuid, Gid, Uid, User};

use crate::config::Config;
use crate::log;
use crate::recipient::Recipient;
use crate::sender;
use crate::status::Failure;
use crate::sys;

/// The process that asks for a delivery.
pub struct Caller {
    uid: Uid,
    gid: Gid,
    privileged: bool,
    extra: bool,
}

impl Caller {
    /// The real user of this process.
    pub fn current() -> Self {
        let (uid, gid) = (getuid(), getgid());
        Self {
            uid,
            gid,
            privileged: geteuid().is_root(),
            extra: uid != geteuid() || gid != getegid(),
        }
    }

    pub fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Whether the program may act as the recipients.
    pub fn is_privileged(&self) -> bool {
        self.privileged
    }

    /// Whether the program may more than its caller: it is installed setuid or setgid.
    pub fn has_extra_privilege(&self) -> bool {
        self.extra
    }

    /// Whether the caller delivers to nobody but himself.
    pub fn is_every(&self, recipients: &[Result<Recipient, Failure>]) -> bool {
        recipients
            .iter()
            .flatten()
            .all(|recipient| recipient.uid == self.uid)
    }

    /// Only root may choose the mailbox of somebody else.
    pub fn permit_template(
        &self,
        recipients: &[Result<Recipient, Failure>],
    ) -> Result<(), Failure> {
        if self.is_every(recipients) {
            return Ok(());
        }
        // Not permanent: a slip in the mail system's configuration must not bounce mail.
        Err(Failure::temporary(
            "only root may say -m for another user's mailbox; see mailbox in mail.local.conf(5)",
        ))
    }

    /// Be the caller and nothing else from now on.
    pub fn give_up_privilege(&mut self) -> Result<(), Failure> {
        sys::give_up_privilege(self.uid, self.gid)
            .map_err(|errno| Failure::system("cannot give up privilege", errno))?;
        self.privileged = self.uid.is_root();
        self.extra = false;
        Ok(())
    }

    /// Do something with the caller's own rights: what it hands over as standard input is read as the
    /// caller could read it without this program.
    pub fn as_itself<T>(&self, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.switching(self.uid, Uid::from_raw(0), act)
    }

    /// Do one thing by the program's own right in the midst of that.
    pub fn as_program<T>(&self, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.switching(Uid::from_raw(0), self.uid, act)
    }

    fn switching<T>(
        &self,
        to: Uid,
        back: Uid,
        act: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !self.privileged || self.is_root() {
            return act();
        }
        let switch =
            |uid| seteuid(uid).map_err(|errno| Failure::system("cannot switch user", errno));
        switch(to)?;
        let result = act();
        switch(back)?;
        result
    }

    /// Become a process that the caller can neither stop nor kill: it is going to hold the locks of
    /// other users' mailboxes, and to write into them.
    pub fn shield(&self) -> Result<(), Failure> {
        if !self.privileged || self.is_root() {
            return Ok(());
        }
        setuid(Uid::from_raw(0)).map_err(|errno| Failure::system("cannot become root", errno))?;
        sys::leave_session()
            .map_err(|errno| Failure::system("cannot leave the caller's session", errno))
    }

    /// The `From_` line for this recipient.  Root, the trusted, and whoever writes to himself may say
    /// in whose name; anybody else's mail bears his own.
    pub fn sender(
        &self,
        claimed: Option<&[u8]>,
        recipient: &Recipient,
        config: &Config,
    ) -> Result<Vec<u8>, Failure> {
        let Some(claimed) = claimed else {
            return Ok(sender::from_line(self.login_name().as_bytes()));
        };
        if self.is_root() || recipient.uid == self.uid || config.trusts(self.uid)? {
            return Ok(sender::from_line(claimed));
        }
        let own = self.login_name();
        if claimed != own.as_bytes() {
            let claimed = if claimed.is_empty() { b"<>" } else { claimed };
            let claimed = String::from_utf8_lossy(claimed);
            let claimed: String = claimed.chars().take(sender::LONGEST).collect();
            log::note(
                &recipient.name,
                &format!("sender {claimed} claimed by {own}, who is not trusted; {own} is used"),
            );
        }
        Ok(sender::from_line(own.as_bytes()))
    }

    /// The name that the caller logged in under, since several may share its user id; else the user
    /// database's name for that.
    fn login_name(&self) -> String {
        let named = |name: String| User::from_name(&name).ok().flatten();
        sys::login_name()
            .and_then(named)
            .filter(|user| user.uid == self.uid)
            .or_else(|| User::from_uid(self.uid).ok().flatten())
            .map_or_else(|| "???".to_owned(), |user| user.name)
    }
}
