package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Where the registry shows docs/, and where the forge shows the repository.
const (
	docsURL  = "https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs"
	forgeURL = "https://github.com/s390x-netboot/terraform-provider-netboot/blob/main/"
)

// TestLinks holds that each link of a page leads to a page, and to a heading of it.
//
// A page in docs/ is read in both registries and on the forge, and no relative link works in all three: the forge needs the
// ".md" that the registries do not take, and an index page has other paths in each of them. (OpenTofu's strips it where a
// link has no slash, and nowhere else: frontend/src/routes/Provider/components/docsProcessor.ts in opentofu/registry-ui.)
// So such a page has whole URLs. All others are read on the forge, where relative links work.
func TestLinks(t *testing.T) {
	const top = "../.."
	for _, page := range pagesBelow(t, top) {
		text := withoutCode(readFile(t, filepath.Join(top, page)))
		for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if err := checkLink(top, page, match[1]); err != nil {
				t.Errorf("%s: %s: %v", page, match[1], err)
			}
		}
	}
}

// pagesBelow are all pages at the top, in docs/ and in .github/, the forms for issues among them.
func pagesBelow(t *testing.T, top string) []string {
	t.Helper()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", ".github/*.md", ".github/ISSUE_TEMPLATE/*.yml"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no page is %s: %v", pattern, err)
		}
		for _, path := range found {
			pages = append(pages, strings.TrimPrefix(path, top+"/"))
		}
	}
	return pages
}

func checkLink(top, page, link string) error {
	target, anchor, _ := strings.Cut(link, "#")
	switch {
	case target == "":
		target = page
	case target == docsURL:
		target = "docs/index.md"
	case strings.HasPrefix(target, docsURL+"/"):
		target = "docs" + strings.TrimPrefix(target, docsURL) + ".md"
	case strings.HasPrefix(target, forgeURL):
		target = strings.TrimPrefix(target, forgeURL)
	case strings.Contains(target, "://"):
		return nil
	case strings.HasPrefix(page, "docs/"):
		return fmt.Errorf("a page in docs/ links by whole URLs, such as %s/guides/networks", docsURL)
	default:
		target = filepath.Join(filepath.Dir(page), target)
	}
	if _, err := os.Stat(filepath.Join(top, target)); err != nil {
		return fmt.Errorf("there is no %s", target)
	}
	if anchor == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(top, target))
	if err == nil && !slices.Contains(anchorsOf(string(text)), anchor) {
		return fmt.Errorf("%s has no heading %q", target, anchor)
	}
	return err
}

// anchorsOf are the names that the forge and both registries give to the headings of a page, and those that it has by itself.
func anchorsOf(text string) []string {
	var anchors []string
	for _, match := range regexp.MustCompile(`<a id="([^"]+)">`).FindAllStringSubmatch(text, -1) {
		anchors = append(anchors, match[1])
	}
	fences := regexp.MustCompile("(?ms)^```.*?^```")
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		heading := dropped.ReplaceAllString(strings.ToLower(match[1]), "")
		anchors = append(anchors, strings.ReplaceAll(heading, " ", "-"))
	}
	return anchors
}

// withoutCode has no blocks of code and no quoted words, in which a bracket is no link.
func withoutCode(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`").ReplaceAllString(text, "")
}
