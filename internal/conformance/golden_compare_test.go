package conformance_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

// goldenDifference is a deliberate deviation from recorded responses.
type goldenDifference struct {
	why    string // with the requirements of docs/security.md (OA-, SE-, JW-)
	ids    string // regular expression for "id step"
	v4, v5 int    // the number of exchanges that it concerns in each recording

	edits []edit // from the recorded response to the expected one
	both  []edit // of both responses, for what is not compared
	leave string // regular expression for lines of both responses that are not compared
	skip  bool   // the exchanges of the scenario are not replayed
}

// edit replaces old, a regular expression, by new in the recorded lines. In new, $1 is the
// first group, and a line break makes two lines. An empty new drops the line, and an empty
// old adds one.
type edit struct{ old, new string }

// difference is a goldenDifference for one recording, with compiled patterns.
type difference struct {
	why        string
	ids, leave *regexp.Regexp // leave may be nil
	old        []*regexp.Regexp
	edits      []edit
	oldBoth    []*regexp.Regexp
	both       []edit
	skip       bool
	want, got  int // the number of exchanges that it concerns
}

type differences []*difference

func differencesOf(protocol nuxtauth.Protocol, table []goldenDifference) (list differences) {
	for _, g := range table {
		d := &difference{why: g.why, ids: regexp.MustCompile(g.ids), edits: g.edits, both: g.both, skip: g.skip, want: g.v4}
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
		for _, e := range g.both {
			d.oldBoth = append(d.oldBoth, regexp.MustCompile(e.old))
		}
		list = append(list, d)
	}
	return list
}

// skip reports whether the exchanges of a scenario are not replayed.
func (list differences) skip(scenario []goldenExchange) bool {
	for _, d := range list {
		if d.skip && d.ids.MatchString(scenario[0].name()) {
			d.got += len(scenario)
			return true
		}
	}
	return false
}

// name is what the pattern of a difference is matched with.
func (e *goldenExchange) name() string {
	if e.Browser == "" {
		return e.ID + " " + e.Step
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(e.Request.Path, "/api/auth"), "?")
	return e.ID + " " + e.Step + " " + e.Request.Method + " " + path
}

// apply applies the difference to the recorded lines, and reports whether they changed.
func (d *difference) apply(e *goldenExchange, recorded, actual []string) (want, got []string, changed bool) {
	if !d.ids.MatchString(e.name()) {
		return recorded, actual, false
	}
	want, got = slices.Clone(recorded), slices.Clone(actual)
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
	for i, edit := range d.both {
		for _, lines := range [][]string{want, got} {
			for n, line := range lines {
				lines[n] = d.oldBoth[i].ReplaceAllString(line, edit.new)
			}
		}
	}
	if d.leave != nil {
		want, got = slices.DeleteFunc(want, d.leave.MatchString), slices.DeleteFunc(got, d.leave.MatchString)
	}
	return want, got, !slices.Equal(want, recorded) || !slices.Equal(got, actual)
}

// distinct returns the lines without empty and repeated ones: an edit can make several
// recorded cookies equal.
func distinct(lines []string) (unique []string) {
	for _, line := range lines {
		if line != "" && !slices.Contains(unique, line) {
			unique = append(unique, line)
		}
	}
	return unique
}

// compare compares a response with the recorded one, after the differences for this
// exchange. A difference that does not occur is an error too.
func (list differences) compare(t *testing.T, e *goldenExchange, recorded, actual []string) {
	t.Helper()
	want, got := recorded, actual
	var applied differences
	for _, d := range list {
		var changed bool
		if want, got, changed = d.apply(e, want, got); changed {
			applied = append(applied, d)
			d.got++
		}
	}
	if diff := lineDiff(want, got); diff != "" {
		t.Errorf("%s (%s): unexpected response (-want +got):\n%s", e.ID, e.Step, diff)
		return
	}
	for _, d := range applied {
		want, got := recorded, actual
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

// checkUse checks the number of exchanges with each difference.
func (list differences) checkUse(t *testing.T) {
	for _, d := range list {
		if d.got != d.want {
			t.Errorf("the difference %q concerns %d exchanges, not %d", d.why, d.got, d.want)
		}
	}
}

// lineDiff returns the lines in which two responses differ. It compares the order of the
// calls, but not of the other lines.
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

// inOrder returns the lines sorted, except the calls, which are last in their order.
func inOrder(lines []string) []string {
	isCall := func(line string) bool { return strings.HasPrefix(line, "call ") }
	calls := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !isCall(line) })
	others := slices.DeleteFunc(slices.Clone(lines), isCall)
	slices.Sort(others)
	return append(others, calls...)
}
