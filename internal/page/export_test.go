package page

import "html/template"

// BreakTemplates makes every page fail after it has written something.
func (p *Pages) BreakTemplates() {
	t := template.New("")
	for _, name := range []string{"signin", "signout", "verify-request", "error"} {
		template.Must(t.New(name).Parse(`<!DOCTYPE html><title>half a page</title>{{index "" 99}}`))
	}
	p.templates = t
}

// ErrorCodes lists every code that has a text, in lower case.
func ErrorCodes() []string {
	var codes []string
	for code := range notices {
		codes = append(codes, code)
	}
	return codes
}
