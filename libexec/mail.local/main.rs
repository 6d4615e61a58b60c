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

//! mail.local(8): append a message to the mailboxes of local users, safely over NFS.

#![cfg_attr(not(test), no_main)]

mod caller;
mod config;
mod delivery;
mod dotlock;
mod identity;
mod log;
mod mailbox;
mod message;
mod notice;
mod options;
mod place;
mod recipient;
mod sender;
mod status;
mod sys;
mod template;

use core::ffi::{c_char, c_int};

use caller::Caller;
use config::Config;
use delivery::Delivery;
use message::Message;
use options::Options;
use recipient::Recipient;
use status::{Failure, Status};

/// The C runtime's way in.  Rust's own start-up would open /dev/null on a closed standard input,
/// and a message that could not be read would be delivered as an empty one.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn main(count: c_int, values: *const *const c_char) -> c_int {
    let arguments = sys::arguments(count, values);
    let status = sys::prepare()
        .map_err(|errno| Failure::system("cannot prepare the process", errno))
        .and_then(|input_open| run(&arguments, input_open))
        .unwrap_or_else(|failure| {
            log::failure(None, &failure);
            failure.status
        });
    log::tell();
    status.code()
}

/// The whole of the program as policy: whom to believe, what to deliver, to whom, and what to say.
fn run(arguments: &[Vec<u8>], input_open: bool) -> Result<Status, Failure> {
    let mut options = Options::parse(arguments)?;
    let mut caller = Caller::current();
    let config = Config::read(options.config.as_deref(), &caller)?;
    let recipients: Vec<_> = options
        .users
        .iter()
        .map(|name| Recipient::find(name))
        .collect();
    if options.template.is_some() && !caller.is_root() {
        // A path of the caller's choosing is followed with no right but the caller's own.
        caller.permit_template(&recipients)?;
        caller.give_up_privilege()?;
    }
    if caller.has_extra_privilege() && !config.trusts(caller.uid())? {
        // Each step of a delivery tells what is in another user's mailbox, and processes that wait
        // for long could be many.
        options.verbose &= caller.is_every(&recipients);
        options.limit = options.limit.map(|limit| limit.min(config.limit));
    }
    log::open(options.verbose);
    let message = caller.as_itself(|| Message::read(&caller, input_open, config.quote_all))?;
    caller.shield()?;

    let mut status = Status::Delivered;
    for (name, recipient) in options.users.iter().zip(recipients) {
        let result = recipient.and_then(|recipient| {
            let sender = caller.sender(options.from.as_deref(), &recipient, &config)?;
            Delivery::new(&options, &config, &caller, &recipient)?.deliver(&sender, &message)
        });
        if let Err(failure) = result {
            log::failure(Some(name), &failure);
            status = status.and(failure.status);
        }
        log::tell();
    }
    Ok(status)
}
