#	$NetBSD$
#
# Copyright (c) 2026 The libnfslock authors.
# All rights reserved.
#
# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions
# are met:
# 1. Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright
#    notice, this list of conditions and the following disclaimer in the
#    documentation and/or other materials provided with the distribution.
#
# THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
# ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
# IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
# ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
# FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
# DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
# OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
# LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
# OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
# SUCH DAMAGE.


# Apply edits to a file of NetBSD's source tree, or take them back.
# usage: awk -v file=name [-v undo=yes] [-v developer=name] [-v date=yyyymmdd]
#            -f edit.awk edits the-file
# The file as it is to be goes to standard output.  The file of edits tells what
# they look like.  What is there already is not put in again, and what is not
# there is not taken out.

# The edits come first.
FNR == NR {
	if ($1 == "file")
		ours = $2 == file
	else if (!ours || $0 ~ /^(#|$)/)
		next
	else if (sub(/^\|/, ""))
		text[edits, ++size[edits]] = $0
	else {
		name = $1
		sub(/^[a-z]+[ \t]*/, "")
		if (name == "if" || name == "within")
			mode[edits + 1, name] = $0
		else {
			verb[++edits] = name
			operand[edits] = $0
		}
	}
	next
}

{ line[++lines] = $0 }

END {
	for (e = 1; e <= edits; e++) {
		if (((e, "if") in mode) && !matching(mode[e, "if"], 1))
			continue
		if (verb[e] == "like")
			like(e)
		else if (verb[e] == "word")
			word(e)
		else
			block(e)
		if (failed)
			exit 1
	}
	if (undo)
		for (e = 1; e <= edits; e++)
			rest(e)
	if (failed)
		exit 1
	for (i = 1; i <= lines; i++)
		print line[i]
}

# Lines of text, before or after a line.
function block(e,	at, i)
{
	at = found(e)
	if (undo)
		take(at, at ? size[e] : 0)
	else if (!at && (at = place(e)))
		for (i = 1; i <= size[e]; i++)
			put(at + i - 1, filled(text[e, i]))
}

# Where all of a block stands, or 0.
function found(e,	at, i)
{
	for (at = 1; at + size[e] - 1 <= lines; at++) {
		for (i = 1; i <= size[e]; i++)
			if (known(line[at + i - 1], text[e, i]) != \
			    known(text[e, i], text[e, i]))
				break
		if (i > size[e])
			return at
	}
	return 0
}

# Of a block that somebody changed since, lines are left that only it has.
function rest(e,	i, at)
{
	for (i = 1; i <= size[e]; i++)
		if (text[e, i] ~ /MKRUST|RUST_TARGET|NFSLOCK|nfslock|bsd\.rust/)
			for (at = 1; at <= lines; at++)
				if (index(line[at], text[e, i])) {
					fail("take out by hand what was changed" \
					    " since the import: " line[at])
					return
				}
}

# Who made a change, and when, is another's matter each time.
function known(string, template,	until)
{
	until = index(template, "@DEVELOPER@")
	return until ? substr(string, 1, until - 1) : string
}

function filled(string)
{
	sub(/@DEVELOPER@/, developer, string)
	sub(/@DATE@/, date, string)
	return string
}

# The number of the line that a block is to come before.
function place(e,	at)
{
	at = begin(e)
	if (at && verb[e] != "append")
		at = matching(operand[e], at)
	if (!at)
		fail("there is no line like " operand[e])
	if (verb[e] == "append")
		return lines + 1
	return at && verb[e] == "after" ? at + 1 : at
}

function begin(e)
{
	return ((e, "within") in mode) ? matching(mode[e, "within"], 1) : 1
}

function matching(pattern, at)
{
	for (; at <= lines; at++)
		if (line[at] ~ pattern)
			return at
	return 0
}

# One more word of a list, after another one: on a line of its own where each is,
# and with a comma where that has one.
function word(e,	field, at, there, before)
{
	split(operand[e], field)
	at = begin(e)
	there = at ? matching("(^|[ \t])" field[2] "([ \t]|$)", at) : 0
	if (there && undo) {
		at = there
		if (line[at] ~ "^[ \t]*" field[2] "[ \t\\\\]*$")
			take(at, 1)
		else
			sub("[ \t]" field[2], "", line[at])
	}
	if (there || undo)
		return
	if (at)
		at = matching("(^|[ \t])" field[1] "([ \t]|$)", at)
	if (!at)
		fail("there is no " field[1] " in " mode[e, "within"])
	else if (line[at] ~ "^[ \t]*" field[1] "[ \t]*\\\\$") {
		before = line[at]
		sub(field[1], field[2], before)
		put(at + 1, before)
	} else
		sub(field[1], field[1] " " field[2], line[at])
}

# A line of a list of paths: as that of another path is, but for the keywords
# where they are given.
function like(e,	field, at, sibling, set)
{
	split(operand[e], field)
	at = line_of(field[2])
	if (undo) {
		take(at, at ? 1 : 0)
		return
	}
	if (at)
		return
	sibling = line_of(field[1])
	if (!sibling) {
		fail("there is no line for " field[1])
		return
	}
	split(line[sibling], set)
	match(line[sibling], /^[^ \t]+[ \t]*/)
	at = width(substr(line[sibling], 1, RLENGTH))
	put(sorted(field[2]), padded(padded(field[2], set[2], at), \
	    field[3] ? field[3] : set[3], at + 24))
}

function line_of(path,	i)
{
	for (i = 1; i <= lines; i++)
		if (index(line[i], path) == 1 && \
		    substr(line[i], length(path) + 1) ~ /^([ \t]|$)/)
			return i
	return 0
}

# The number of the line that a path is to come before: after the last one that
# sorts before it in its directory, or else in the next one above.
function sorted(path,	above, i, name, at)
{
	above = path
	while (sub(/\/[^\/]*$/, "", above)) {
		for (i = 1; i <= lines; i++) {
			name = line[i]
			sub(/[ \t].*/, "", name)
			if (name != above && index(name, above "/") != 1)
				continue
			if (name < path "")
				at = i + 1
			else if (!at)
				at = i
		}
		if (at)
			return at
	}
	return lines + 1
}

# A line, and one more field of it, with tabs up to a column.
function padded(string, field, column)
{
	if (field == "")
		return string
	do
		string = string "\t"
	while (width(string) < column)
	return string field
}

function width(string,	i, column)
{
	for (i = 1; i <= length(string); i++)
		column += substr(string, i, 1) == "\t" ? 8 - column % 8 : 1
	return column
}

function put(at, string,	i)
{
	for (i = lines++; i >= at; i--)
		line[i + 1] = line[i]
	line[at] = string
}

function take(at, count,	i)
{
	for (i = at; at && i + count <= lines; i++)
		line[i] = line[i + count]
	lines -= at ? count : 0
}

function fail(why)
{
	print file ": " why > "/dev/stderr"
	failed = 1
}
