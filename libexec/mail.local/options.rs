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

//! The command line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::status::{Failure, Status};
use crate::template::Template;

const USAGE: &str = "usage: mail.local [-bdlv] [-C file] [-f from | -r from] [-m template] \
                     [-t seconds] user ...";

/// What the caller asks for.
#[derive(Default)]
pub struct Options {
    /// -b: a full quota bounces.
    pub bounce: bool,
    /// -v: tell each step.
    pub verbose: bool,
    /// -C: another configuration file.
    pub config: Option<PathBuf>,
    /// -f or -r: the envelope sender.
    pub from: Option<Vec<u8>>,
    /// -m: where the mailbox lies.
    pub template: Option<Template>,
    /// -t: how long to wait for one recipient's locks.
    pub limit: Option<Duration>,
    /// The recipients' names.
    pub users: Vec<Vec<u8>>,
}

impl Options {
    /// Read the command line as getopt(3) does.
    pub fn parse(arguments: &[Vec<u8>]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut letters = match argument.as_slice() {
                b"--" => break,
                [b'-', letters @ ..] if !letters.is_empty() => letters,
                user => {
                    options.users.push(user.to_vec());
                    break;
                }
            };
            while let Some((&letter, rest)) = letters.split_first() {
                letters = rest;
                match letter {
                    b'b' => options.bounce = true,
                    b'v' => options.verbose = true,
                    // Both are for compatibility: the dotlock is always taken.
                    b'd' | b'l' => {}
                    _ => {
                        let value = if rest.is_empty() {
                            arguments.next().map(Vec::as_slice)
                        } else {
                            Some(rest)
                        };
                        letters = &[];
                        options.set(letter, value)?;
                    }
                }
            }
        }
        options.users.extend(arguments.cloned());
        if options.users.is_empty() {
            return Err(usage("no user is named"));
        }
        Ok(options)
    }

    fn set(&mut self, letter: u8, value: Option<&[u8]>) -> Result<(), Failure> {
        let name = char::from(letter).escape_default();
        let value = || value.ok_or_else(|| usage(&format!("-{name} wants a value")));
        let wrong = |why| usage(&format!("-{name}: {why}"));
        let before = match letter {
            b'C' => {
                let path = PathBuf::from(OsStr::from_bytes(value()?));
                self.config.replace(path).is_some()
            }
            b'f' | b'r' => self.from.replace(value()?.to_vec()).is_some(),
            b'm' => {
                let template = Template::parse(value()?).map_err(wrong)?;
                self.template.replace(template).is_some()
            }
            b't' => {
                let limit = seconds(value()?, 0).map_err(wrong)?;
                self.limit.replace(limit).is_some()
            }
            _ => return Err(usage(&format!("unknown option -{name}"))),
        };
        if before {
            return Err(usage(&match letter {
                b'f' | b'r' => "more than one sender, by -f or -r".to_owned(),
                _ => format!("more than one -{name}"),
            }));
        }
        Ok(())
    }
}

/// Read a number of seconds, of at most a day.
pub fn seconds(text: &[u8], least: u64) -> Result<Duration, String> {
    core::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|number| (least..=86400).contains(number))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            format!("\"{text}\" is not a number of seconds from {least} to 86400")
        })
}

fn usage(why: &str) -> Failure {
    Failure::new(Status::Usage, format!("{why}; {USAGE}"))
}
