package web

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// browser is the first of the usual names that is there.
func browser(t *testing.T) string {
	t.Helper()
	if os.Getenv("BULKHEAD_BROWSER") == "" {
		t.Skip("needs a browser: make report-check")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("report-check wants Chromium or Chrome in PATH, such as: apt-get install chromium")
	return ""
}

// probe says on the console how wide the page is and how much of it is seen.
const probe = `<script>addEventListener("load", () => { const d = document.documentElement;
console.log("PROBE " + d.scrollWidth + " of " + d.clientWidth + " " + getComputedStyle(document.body).backgroundColor); });</script></body>`

var said = regexp.MustCompile(`CONSOLE[^"]*"([^"]*)"`)

// The page opens without a word on the console, and does not scroll sideways: its wide
// things do, in their boxes. A frame is as narrow as it should be; a window is not.
func TestInABrowser(t *testing.T) {
	path := browser(t)
	dir := t.TempDir()
	page := bytes.Replace(pageOf(t, suite(t)), []byte("</body>"), []byte(probe), 1)
	write(t, filepath.Join(dir, "page.html"), page)
	colours := map[string]bool{}
	for _, width := range []int{390, 1280} {
		for _, dark := range []bool{false, true} {
			frame := filepath.Join(dir, fmt.Sprintf("frame-%d.html", width))
			write(t, frame, fmt.Appendf(nil, `<!doctype html><link rel="icon" href="data:,"><body style="margin:0"><iframe src="page.html" style="border:0;width:%dpx;height:800px"></iframe>`, width))
			lines := console(t, path, frame, dark)
			if len(lines) != 1 || !strings.HasPrefix(lines[0], "PROBE ") {
				t.Fatalf("%d pixels, dark %v: the console says %q", width, dark, lines)
			}
			var wide, seen int
			var colour string
			if _, err := fmt.Sscanf(strings.ReplaceAll(lines[0], ", ", ","), "PROBE %d of %d %s", &wide, &seen, &colour); err != nil {
				t.Fatal(err)
			}
			if wide > seen || seen > width {
				t.Errorf("%d pixels: the page is %d wide, %d are seen", width, wide, seen)
			}
			colours[colour] = true
		}
	}
	if len(colours) != 2 {
		t.Errorf("light and dark are %v", colours)
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// console is what a page writes to it.
func console(t *testing.T, path, file string, dark bool) (lines []string) {
	t.Helper()
	scheme := 1
	if dark {
		scheme = 0
	}
	c := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme), "--dump-dom", "file://"+file)
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for _, m := range said.FindAllStringSubmatch(log.String(), -1) {
		lines = append(lines, m[1])
	}
	return lines
}
