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

//! A simulated NFS that runs mail.local's delivery.
//!
//! The modules `delivery`, `mailbox` and `dotlock` are those of the program,
//! from the files that ship; `sys` is the simulated system, and the lock under
//! it is libnfslock's, from the crate that ships.  What only finds the mailbox
//! and the recipient, or tells people about it, is stood in for.

#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default
)]

pub mod actors;
pub mod check;
pub mod explore;
pub mod mount;
pub mod process;
pub mod schedule;
pub mod sys;
pub mod world;

mod standins;
use standins::{caller, config, log, message, notice, options, place, recipient};

#[path = "../../../../libexec/mail.local/delivery.rs"]
mod delivery;
#[path = "../../../../libexec/mail.local/dotlock.rs"]
mod dotlock;
// Not all of these is for a delivery.
#[allow(dead_code)]
#[path = "../../../../libexec/mail.local/identity.rs"]
mod identity;
#[path = "../../../../libexec/mail.local/mailbox.rs"]
mod mailbox;
#[allow(dead_code)]
#[path = "../../../../libexec/mail.local/status.rs"]
mod status;
#[allow(dead_code)]
#[path = "../../../../libexec/mail.local/template.rs"]
mod template;
