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

//! mail.local.conf(5).

use std::fs::{symlink_metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::caller::Caller;
use crate::options::seconds;
use crate::status::Failure;
use crate::template::Template;

const FILE: &str = "/etc/mail.local.conf";
const LARGEST: u64 = 65536;

/// How the administrator wants mail to be delivered.
pub struct Config {
    /// Where mail goes.
    pub mailbox: Template,
    /// Where readers look for it.
    pub spool: Template,
    /// How long one recipient's locks are waited for.
    pub limit: Duration,
    /// After how long a lock without a sign of life is nobody's.
    pub stale: Duration,
    /// A full quota bounces.
    pub bounce: bool,
    /// Every line that begins with "From " is quoted, not only one after a blank line.
    pub quote_all: bool,
    trusted: Vec<String>,
}

impl Config {
    /// Read the configuration.  Whatever is wrong with it is a temporary failure: a slip of the
    /// administrator's must neither bounce mail nor send it where it is not looked for.
    pub fn read(other: Option<&Path>, caller: &Caller) -> Result<Self, Failure> {
        if other.is_some() && caller.has_extra_privilege() {
            return Err(Failure::temporary(
                "-C is for a program that runs with no more right than its caller's; call it as root",
            ));
        }
        let (path, owner) = match other {
            Some(path) => (path, caller.uid()),
            // But a link to what is not there, or not mounted, is a slip as well.
            None if symlink_metadata(FILE).is_err_and(|error| is_absence(&error)) => {
                return Ok(Given::default().into())
            }
            None => (Path::new(FILE), Uid::from_raw(0)),
        };
        Self::parse(&text(path, owner)?)
            .map_err(|wrong| Failure::temporary(format!("{}:{wrong}", path.display())))
    }

    /// Whether this user may say in whose name a message comes.
    pub fn trusts(&self, uid: Uid) -> Result<bool, Failure> {
        for name in &self.trusted {
            let user = User::from_name(name)
                .map_err(|errno| Failure::system("cannot look up a trusted user", errno))?;
            if user.is_some_and(|user| user.uid == uid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut given = Given::default();
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1_u32..) {
            given.add(line).map_err(|why| format!("{number}: {why}"))?;
        }
        Ok(given.into())
    }
}

impl From<Given> for Config {
    fn from(given: Given) -> Self {
        Self {
            mailbox: given.mailbox.unwrap_or_default(),
            spool: given.spool.unwrap_or_default(),
            limit: given.limit.unwrap_or(Duration::from_secs(420)),
            stale: given.stale.unwrap_or(Duration::from_secs(300)),
            bounce: given.bounce.unwrap_or(false),
            quote_all: given.quote_all.unwrap_or(false),
            trusted: given.trusted,
        }
    }
}

/// What the lines read so far say.
#[derive(Default)]
struct Given {
    mailbox: Option<Template>,
    spool: Option<Template>,
    limit: Option<Duration>,
    stale: Option<Duration>,
    bounce: Option<bool>,
    quote_all: Option<bool>,
    trusted: Vec<String>,
}

impl Given {
    fn add(&mut self, line: &[u8]) -> Result<(), String> {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .take_while(|word| !word.starts_with(b"#"));
        let Some(keyword) = words.next() else {
            return Ok(());
        };
        let values: Vec<_> = words.collect();
        let keyword = String::from_utf8_lossy(keyword);
        let one = || match values.as_slice() {
            [value] => Ok(*value),
            _ => Err(format!("{keyword} wants one value")),
        };
        let template = || {
            let template = Template::parse(one()?)?;
            if template.tells_users_apart() {
                return Ok(template);
            }
            Err(format!(
                "{keyword} without %u has users share a mailbox; put it in"
            ))
        };
        match &*keyword {
            "mailbox" => set(&mut self.mailbox, &keyword, template()?),
            "spool" => set(&mut self.spool, &keyword, template()?),
            "limit" => set(&mut self.limit, &keyword, seconds(one()?, 0)?),
            "stale" => set(&mut self.stale, &keyword, seconds(one()?, 2)?),
            "quota" => set(
                &mut self.bounce,
                &keyword,
                choose(one()?, "retry", "bounce")?,
            ),
            "quote" => set(
                &mut self.quote_all,
                &keyword,
                choose(one()?, "blank", "all")?,
            ),
            "trusted" if values.is_empty() => Err("trusted wants users' names".to_owned()),
            "trusted" => {
                self.trusted.extend(
                    values
                        .iter()
                        .map(|name| String::from_utf8_lossy(name).into_owned()),
                );
                Ok(())
            }
            _ => Err(format!(
                "unknown keyword \"{keyword}\"; see mail.local.conf(5)"
            )),
        }
    }
}

fn set<T>(place: &mut Option<T>, keyword: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{keyword} is given twice; remove one of the lines")),
    }
}

fn choose(value: &[u8], no: &str, yes: &str) -> Result<bool, String> {
    if value == no.as_bytes() {
        Ok(false)
    } else if value == yes.as_bytes() {
        Ok(true)
    } else {
        let value = String::from_utf8_lossy(value);
        Err(format!("\"{value}\" is neither {no} nor {yes}"))
    }
}

fn is_absence(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// The text of the file.  It decides in whose name mail may come and where it goes, so only the
/// administrator, or with -C the caller, may have written it.
fn text(path: &Path, owner: Uid) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let failed = |error| {
        let advice = if is_absence(&error) {
            "put it there"
        } else {
            "make it readable, or remove it"
        };
        Failure::io(&name, &error).with(advice)
    };
    let unfit = |why: &str| Err(Failure::temporary(format!("{name}: {why}")));
    // A FIFO in the file's place must not hold up the mail.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(failed)?;
    let stat = file.metadata().map_err(failed)?;
    if !stat.is_file() {
        return unfit("not a regular file; put a regular file there");
    }
    if stat.uid() != 0 && stat.uid() != owner.as_raw() {
        return unfit("owned by another user; chown it to root");
    }
    if stat.mode() & 0o022 != 0 {
        return unfit("others may write to it; chmod it to 644");
    }
    if stat.len() > LARGEST {
        return unfit("larger than 64 KB; shorten it");
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
