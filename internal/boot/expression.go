package boot

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first matched against a line. The provider
// starts several times in a run of Terraform. To compile all patterns at each start would take 8 ms and
// 1 MB, even if the provider watches no console.
type pattern struct {
	text   string
	once   sync.Once
	regexp *regexp.Regexp
}

// expression keeps the tables readable.
func expression(text string) *pattern { return &pattern{text: text} }

func (p *pattern) compiled() *regexp.Regexp {
	p.once.Do(func() { p.regexp = regexp.MustCompile(p.text) })
	return p.regexp
}

func (p *pattern) String() string { return p.text }

func (p *pattern) MatchString(line string) bool { return p.compiled().MatchString(line) }

func (p *pattern) FindString(line string) string { return p.compiled().FindString(line) }

func (p *pattern) FindStringSubmatch(line string) []string {
	return p.compiled().FindStringSubmatch(line)
}
