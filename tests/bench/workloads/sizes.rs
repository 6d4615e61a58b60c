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

//! What is installed, and how large it is.

use crate::counts;
use crate::report::{Goal, Row};
use crate::workloads::Context;

pub fn run(context: &Context, rows: &mut Vec<Row>) {
    const ROW: &str = "size";
    if !context.wants(ROW) {
        return;
    }
    let scratch = &context.out;
    let mut add = |who: &str, kilobytes: Option<f64>, most: Option<f64>| {
        let mut row = Row::of(ROW, "", who);
        row.kilobytes = kilobytes;
        row.goal = most.map(Goal::AtMost);
        row.met = kilobytes.zip(most).map(|(size, most)| size <= most);
        rows.push(row);
    };
    let archive = context
        .archive
        .as_ref()
        .and_then(|path| path.metadata().ok());
    if let Some(about) = archive {
        add(
            "libnfslock.a",
            Some(about.len() as f64 / 1024.0),
            Some(128.0),
        );
    }
    let program = counts::stripped_size(&context.program, scratch);
    add("mail.local, stripped", program, Some(400.0));
    for agent in context.agents.iter().skip(1) {
        if agent.name.contains('+') {
            continue;
        }
        add(
            agent.name,
            counts::stripped_size(&agent.program, scratch),
            None,
        );
    }
    let library = context.peers.library("liblockfile.so.1");
    if let Some(size) = counts::stripped_size(&library, scratch) {
        add("liblockfile.so.1", Some(size), None);
    }
}
