package image_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// ftpFiles are what the servers of these tests have.
func ftpFiles(t *testing.T) map[string][]byte {
	t.Helper()
	var medium bytes.Buffer
	if err := iso9660.Write(&medium, "MEDIUM", []iso9660.File{{Name: "kernel.ubuntu", Content: bytes.Repeat([]byte("kernel "), 20000)}}); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"kernel image": bytes.Repeat([]byte("netboot "), 100000), "medium.iso": medium.Bytes()}
}

// fakeFTP is an FTP server with faults, which knows what a download needs.
type fakeFTP struct {
	files    map[string][]byte
	cut      atomic.Int32 // how many transfers break after half of what was wanted
	stalls   bool         // it sends nothing after the beginning
	busy     atomic.Int32 // how many sessions it refuses
	noSize   bool
	modified atomic.Int64
}

func (f *fakeFTP) serve(t *testing.T) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	f.modified.CompareAndSwap(0, 1e9)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.session(t.Context(), conn)
		}
	}()
	return "ftp://" + listener.Addr().String()
}

func (f *fakeFTP) session(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	say := func(format string, values ...any) { fmt.Fprintf(conn, format+"\r\n", values...) }
	if f.busy.Add(-1) >= 0 {
		say("421 too many users")
		return
	}
	say("220 hello")
	var data net.Listener
	var offset int
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		content, exists := f.files[argument]
		switch {
		case command == "USER":
			say("331 password?")
		case command == "PASS" && argument == "wrong":
			say("530 login incorrect")
		case command == "PASS":
			say("230 welcome")
		case command == "FEAT":
			say("211-features\r\n MDTM\r\n211 end")
		case command == "TYPE" || command == "OPTS":
			say("200 ok")
		case command == "SIZE" && f.noSize:
			say("502 unknown")
		case (command == "SIZE" || command == "MDTM" || command == "RETR") && !exists:
			say("550 no such file")
		case command == "SIZE":
			say("213 %d", len(content))
		case command == "MDTM":
			say("213 %s", time.Unix(f.modified.Load(), 0).UTC().Format("20060102150405"))
		case command == "REST":
			_, _ = fmt.Sscan(argument, &offset)
			say("350 ok")
		case command == "EPSV":
			data, _ = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
			_, port, _ := net.SplitHostPort(data.Addr().String())
			say("229 passive (|||%s|)", port)
		case command == "RETR":
			say("150 sending")
			say("%s", f.send(ctx, data, content[offset:]))
		default:
			say("502 unknown")
		}
	}
}

// send sends content over a data connection, and returns the final reply.
func (f *fakeFTP) send(ctx context.Context, data net.Listener, content []byte) string {
	defer data.Close()
	conn, err := data.Accept()
	if err != nil {
		return "425 no connection"
	}
	defer conn.Close()
	switch {
	case f.stalls:
		_, _ = conn.Write(content[:100])
		<-ctx.Done()
		return "426 stalled"
	case f.cut.Add(-1) >= 0:
		_, _ = conn.Write(content[:len(content)/2])
		return "426 broken"
	}
	_, _ = conn.Write(content)
	return "226 done"
}

func fetchFTP(ctx context.Context, source string) ([]byte, error) {
	stream, err := image.Client{Backoff: time.Microsecond, Idle: time.Second}.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(stream)
	if n, again := stream.Read(make([]byte, 1)); err == nil && (n > 0 || again != io.EOF) {
		err = fmt.Errorf("a read after the end returns %d bytes, %w", n, again)
	}
	return content, errors.Join(err, stream.Close())
}

// wantFetched checks a download, which must have this content, or an error that says these texts.
func wantFetched(t *testing.T, source string, want []byte, texts ...string) {
	t.Helper()
	got, err := fetchFTP(t.Context(), source)
	if len(texts) == 0 {
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes of %d, %v", source, len(got), len(want), err)
		}
		return
	}
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want %q", source, err, text)
		}
	}
}

// ftpSuite is what both servers do.
func ftpSuite(t *testing.T, url string, files map[string][]byte) {
	t.Helper()
	wantFetched(t, url+"/kernel%20image", files["kernel image"])
	wantFetched(t, url+"/none", nil, "unable to download "+url+"/none", "550", "check the URL")
	stream, err := image.Client{}.OpenInISO(t.Context(), url+"/medium.iso", "kernel.ubuntu")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if content, err := io.ReadAll(stream); err != nil || !bytes.Equal(content, bytes.Repeat([]byte("kernel "), 20000)) {
		t.Errorf("in an ISO image: got %d bytes, %v", len(content), err)
	}
}

func TestFTP(t *testing.T) {
	files := ftpFiles(t)
	ftpSuite(t, (&fakeFTP{files: files}).serve(t), files)
}

// TestFTPServer downloads from a real server.
func TestFTPServer(t *testing.T) {
	files, dir := ftpFiles(t), t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	files["small"] = []byte("less than the first read")
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	url := lab.FTPServer(t, dir)
	ftpSuite(t, url, files)
	wantFetched(t, url+"/small", files["small"])
	wantFetched(t, strings.Replace(url, "//", "//me:secret@", 1)+"/kernel%20image", nil, "530", "requires credentials")
}

func TestFTPFaults(t *testing.T) {
	files := ftpFiles(t)
	whole := files["kernel image"]
	const file = "/kernel%20image"
	t.Run("resumed", func(t *testing.T) {
		f := &fakeFTP{files: files}
		f.cut.Store(9) // more often than there are retries, each with progress
		wantFetched(t, f.serve(t)+file, whole)
	})
	t.Run("busy", func(t *testing.T) {
		f := &fakeFTP{files: files}
		f.busy.Store(3)
		wantFetched(t, f.serve(t)+file, whole)
		f.busy.Store(9)
		wantFetched(t, f.serve(t)+file, nil, "421 too many users", "gave up after 4 retries")
	})
	t.Run("without a size", func(t *testing.T) {
		f := &fakeFTP{files: files, noSize: true}
		url := f.serve(t) + file
		wantFetched(t, url, whole)
		f.cut.Store(1)
		wantFetched(t, url, nil, "the connection broke after 400000 bytes", "cannot be resumed")
	})
	t.Run("stalls", func(t *testing.T) {
		wantFetched(t, (&fakeFTP{files: files, stalls: true}).serve(t)+file, nil, "the server sent nothing for 1s")
	})
	t.Run("credentials", func(t *testing.T) {
		url := strings.Replace((&fakeFTP{files: files}).serve(t), "//", "//me:wrong@", 1)
		_, err := fetchFTP(t.Context(), url+file)
		if err == nil || strings.Contains(err.Error(), "wrong") || !strings.Contains(err.Error(), "530 login incorrect") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := fetchFTP(ctx, (&fakeFTP{files: files, stalls: true}).serve(t)+file); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("changed meanwhile", func(t *testing.T) {
		f := &fakeFTP{files: files}
		f.cut.Store(1)
		stream, err := image.Client{Backoff: time.Microsecond}.Open(t.Context(), f.serve(t)+file)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		f.modified.Add(1)
		if _, err := io.ReadAll(stream); err == nil || !strings.Contains(err.Error(), "the file has changed in the meantime") {
			t.Errorf("got %v", err)
		}
	})
}
