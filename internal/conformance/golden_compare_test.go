package conformance_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

// A goldenDifference is a deliberate deviation from recorded answers.
type goldenDifference struct {
	why    string // with the requirements of docs/security.md (OA-, SE-, JW-)
	ids    string // regular expression for "id step"
	v4, v5 int    // the number of exchanges that it concerns in each recording

	edits []edit // turn the recorded answer into the expected one
	leave string // regular expression for lines that are not compared, on either side
}

// An edit changes the recorded lines that match old, a regular expression, to
// new, in which $1 is its first group and a line break makes two lines. An empty
// new drops the line, and an empty old adds one.
type edit struct{ old, new string }

// A difference is a goldenDifference for one recording, with its patterns
// compiled.
type difference struct {
	why        string
	ids, leave *regexp.Regexp // leave may be nil
	old        []*regexp.Regexp
	edits      []edit
	want, got  int // the number of exchanges that it concerns
}

type differences []*difference

func differencesOf(protocol nuxtauth.Protocol) (list differences) {
	for _, g := range goldenDifferences {
		d := &difference{why: g.why, ids: regexp.MustCompile(g.ids), edits: g.edits, want: g.v4}
		if protocol == nuxtauth.AuthJS {
			d.want = g.v5
		}
		if d.want == 0 {
			continue
		}
		if g.leave != "" {
			d.leave = regexp.MustCompile(g.leave)
		}
		for _, e := range g.edits {
			d.old = append(d.old, regexp.MustCompile(e.old))
		}
		list = append(list, d)
	}
	return list
}

// apply turns the recorded answer, with the differences that were applied before,
// into the expected one, and reports whether it changed anything.
func (d *difference) apply(e *goldenExchange, recorded, ours []string) (want, got []string, changed bool) {
	if !d.ids.MatchString(e.ID + " " + e.Step) {
		return recorded, ours, false
	}
	want, got = slices.Clone(recorded), slices.Clone(ours)
	for i, edit := range d.edits {
		if edit.old == "" {
			want = append(want, edit.new)
		} else {
			for n, line := range want {
				want[n] = d.old[i].ReplaceAllString(line, edit.new)
			}
		}
		want = distinct(strings.Split(strings.Join(want, "\n"), "\n"))
	}
	if d.leave != nil {
		want, got = slices.DeleteFunc(want, d.leave.MatchString), slices.DeleteFunc(got, d.leave.MatchString)
	}
	return want, got, !slices.Equal(want, recorded) || !slices.Equal(got, ours)
}

// distinct drops empty and repeated lines: several recorded cookies can become
// one.
func distinct(lines []string) (unique []string) {
	for _, line := range lines {
		if line != "" && !slices.Contains(unique, line) {
			unique = append(unique, line)
		}
	}
	return unique
}

// compare checks an answer against the recorded one with the differences that
// concern it. Each of these must be needed: an answer that is listed as different
// and is equal fails too.
func (list differences) compare(t *testing.T, e *goldenExchange, recorded, ours []string) {
	t.Helper()
	want, got := recorded, ours
	var applied differences
	for _, d := range list {
		var changed bool
		if want, got, changed = d.apply(e, want, got); changed {
			applied = append(applied, d)
			d.got++
		}
	}
	if diff := lineDiff(want, got); diff != "" {
		t.Errorf("%s (%s): the answer is not the expected one (-want +got):\n%s", e.ID, e.Step, diff)
		return
	}
	for _, d := range applied {
		want, got := recorded, ours
		for _, other := range applied {
			if other != d {
				want, got, _ = other.apply(e, want, got)
			}
		}
		if lineDiff(want, got) == "" {
			t.Errorf("%s (%s): the difference %q is listed, and does not occur", e.ID, e.Step, d.why)
		}
	}
}

// checkUse finds differences that are listed for more or fewer exchanges than
// they concern.
func (list differences) checkUse(t *testing.T) {
	for _, d := range list {
		if d.got != d.want {
			t.Errorf("the difference %q concerns %d exchanges, not %d", d.why, d.got, d.want)
		}
	}
}

// lineDiff returns the lines in which two answers differ. It compares the order
// of the calls, and not of the other lines.
func lineDiff(want, got []string) string {
	want, got = inOrder(want), inOrder(got)
	if slices.Equal(want, got) {
		return ""
	}
	var out strings.Builder
	for _, line := range want {
		if !slices.Contains(got, line) {
			out.WriteString("- " + line + "\n")
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			out.WriteString("+ " + line + "\n")
		}
	}
	return cmp.Or(out.String(), "the order of the calls, or the number of equal lines\n")
}

// inOrder sorts the lines of an answer except the calls, and puts these last.
func inOrder(lines []string) []string {
	isCall := func(line string) bool { return strings.HasPrefix(line, "call ") }
	calls := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !isCall(line) })
	others := slices.DeleteFunc(slices.Clone(lines), isCall)
	slices.Sort(others)
	return append(others, calls...)
}
