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

//! The delivery agents: how each is called, and what it needs.

use std::fs;
use std::io;
use std::os::unix::fs::{chown, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::locks::OURS;
use crate::peers::Peers;
use crate::world;

/// How the mailbox's owner gets his mail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Root runs the agent, which becomes the recipient.
    AsRoot,
    /// The recipient runs it.
    AsRecipient,
    /// We are no root: our own mail goes below a directory.
    Below,
}

/// An agent.  In the arguments, USER, HOME and DIRECTORY are filled in.
pub struct Agent {
    pub name: &'static str,
    pub package: &'static str,
    pub program: PathBuf,
    arguments: Vec<&'static str>,
    run: Run,
}

/// The sender of every message.
const FROM: &str = "bench@example.org";

impl Agent {
    /// What to execute for a recipient.  posix_spawn() is what it comes to,
    /// so that nothing of this process is copied.
    pub fn spawnable(&self, recipient: usize, directory: &Path) -> Command {
        let user = self.user(recipient);
        let home = world::home(recipient).to_string_lossy().into_owned();
        let mut command = Command::new(&self.program);
        for word in &self.arguments {
            command.arg(
                word.replace("NUMBER", &recipient.to_string())
                    .replace("USER", &user)
                    .replace("HOME", &home)
                    .replace("DIRECTORY", &directory.to_string_lossy()),
            );
        }
        command
            .env_clear()
            .env("HOME", &home)
            .env("USER", &user)
            .env("LOGNAME", &user)
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .stdout(Stdio::null());
        command
    }

    /// Whom the agent has to be run by, if not by us.
    pub fn caller(&self, recipient: usize) -> Option<u32> {
        (self.run == Run::AsRecipient).then(|| world::id(recipient))
    }

    /// Become that user, before the agent is run.
    pub fn become_caller(&self, recipient: usize) {
        if let Some(id) = self.caller(recipient) {
            world::become_user(id);
        }
    }

    fn user(&self, recipient: usize) -> String {
        if self.run == Run::Below {
            std::env::var("LOGNAME").unwrap_or_else(|_| login_name())
        } else {
            world::user(recipient)
        }
    }

    /// Where a recipient's mail goes.
    pub fn mailbox(&self, recipient: usize, directory: &Path) -> PathBuf {
        let user = self.user(recipient);
        if self.run == Run::Below {
            directory.join(format!("{user}.{recipient}"))
        } else {
            Path::new(world::MAIL).join(user)
        }
    }

    /// A mailbox that was made by somebody else becomes the recipient's.
    pub fn own(&self, recipient: usize, mailbox: &Path) -> io::Result<()> {
        fs::set_permissions(mailbox, fs::Permissions::from_mode(0o600))?;
        if self.run == Run::Below {
            return Ok(());
        }
        let id = world::id(recipient);
        chown(mailbox, Some(id), Some(id))
    }
}

fn login_name() -> String {
    Command::new("id")
        .arg("-un")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(String::new, |name| name.trim().to_owned())
}

/// The agents of a machine where nothing can be mounted: ours alone.
pub fn ours_below(program: PathBuf) -> Vec<Agent> {
    vec![Agent {
        name: OURS,
        package: "",
        program,
        arguments: vec!["-f", FROM, "-m", "DIRECTORY/%u.NUMBER", "USER"],
        run: Run::Below,
    }]
}

/// All agents, ours first.
pub fn all(peers: &Peers, program: PathBuf) -> Vec<Agent> {
    let mut all = vec![Agent {
        name: OURS,
        package: "",
        program,
        arguments: vec!["-f", FROM, "USER"],
        run: Run::AsRoot,
    }];
    let mut add = |name, package, program: &str, arguments: &[&'static str], run| {
        if let Some(program) = peers.program(name, package, program) {
            all.push(Agent {
                name,
                package,
                program,
                arguments: arguments.to_vec(),
                run,
            });
        }
    };
    let opensmtpd = "usr/libexec/opensmtpd/mail.local";
    add(
        "opensmtpd",
        "opensmtpd",
        opensmtpd,
        &["-f", FROM, "USER"],
        Run::AsRoot,
    );
    // Its lock is lockspool's then.
    add(
        "opensmtpd+lockspool",
        "opensmtpd",
        opensmtpd,
        &["-f", FROM, "USER"],
        Run::AsRecipient,
    );
    // Where it lies has changed between Debian's versions.
    let sendmail = [
        "usr/libexec/sendmail/mail.local",
        "usr/lib/sm.bin/mail.local",
    ];
    let sendmail = sendmail
        .into_iter()
        .find(|path| peers.unpacked.join(path).exists())
        .unwrap_or(sendmail[0]);
    add(
        "sendmail",
        "sendmail-bin",
        sendmail,
        &["-f", FROM, "USER"],
        Run::AsRoot,
    );
    add(
        "procmail",
        "procmail",
        "procmail",
        &["-f", FROM, "-d", "USER"],
        Run::AsRoot,
    );
    // As the recipient: -d asks the daemon of Courier's users.
    add(
        "maildrop",
        "maildrop",
        "maildrop",
        &["-f", FROM, "HOME/maildroprc"],
        Run::AsRecipient,
    );
    add(
        "dovecot-lda",
        "dovecot-core",
        "usr/lib/dovecot/dovecot-lda",
        &["-c", "HOME/dovecot.conf", "-f", FROM],
        Run::AsRecipient,
    );
    all
}

/// What the recipients have in their homes.
pub fn furnish(peers: &Peers) -> io::Result<()> {
    for number in 0..world::USERS {
        let home = world::home(number);
        let user = world::user(number);
        let id = Some(world::id(number));
        let (rc, conf) = (home.join("maildroprc"), home.join("dovecot.conf"));
        fs::write(&rc, format!("DEFAULT={}/{user}\n", world::MAIL))?;
        fs::set_permissions(&rc, fs::Permissions::from_mode(0o600))?;
        chown(&rc, id, id)?;
        let home = home.display();
        fs::write(
            &conf,
            format!(
                "mail_location = mbox:{home}/mail:INBOX={}/{user}\n\
                 mbox_write_locks = dotlock fcntl\n\
                 log_path = /dev/stderr\n\
                 info_log_path = /dev/null\n\
                 postmaster_address = postmaster@example.org\n\
                 mail_plugin_dir = {}/usr/lib/dovecot/modules\n\
                 mail_home = {home}\n\
                 base_dir = {home}\n\
                 ssl = no\n",
                world::MAIL,
                peers.unpacked.display(),
            ),
        )?;
    }
    Ok(())
}
