package virt

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unicode"
)

// process is a connection through the standard input and output of a program. The program ends with the connection.
type process struct {
	command *exec.Cmd
	input   *os.File
	output  *os.File
	stderr  stderrTail
	ended   chan struct{}
	closing sync.Once
}

func startProcess(program string, arguments ...string) (*process, error) {
	p := &process{command: exec.Command(program, arguments...), ended: make(chan struct{})}
	theirInput, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	output, theirOutput, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirInput.Close(), input.Close())
	}
	p.input, p.output = input, output
	p.command.Stdin, p.command.Stdout, p.command.Stderr = theirInput, theirOutput, &p.stderr
	p.command.WaitDelay = time.Second // a child of the program may hold its standard error open
	setProcessGroup(p.command)
	err = p.command.Start()
	_, _ = theirInput.Close(), theirOutput.Close()
	if err != nil {
		return nil, errors.Join(err, input.Close(), output.Close())
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) Read(b []byte) (int, error) { return p.output.Read(b) }

// Write fails like a network connection.
func (p *process) Write(b []byte) (int, error) {
	n, err := p.input.Write(b)
	if err != nil {
		err = &net.OpError{Op: "write", Net: processAddr{}.Network(), Addr: processAddr{}, Err: err}
	}
	return n, err
}

// Close ends the program and waits until it has exited.
func (p *process) Close() (err error) {
	p.closing.Do(func() {
		_ = p.command.Process.Kill() // it may have exited already
		err = errors.Join(p.input.Close(), p.output.Close())
		<-p.ended
	})
	return err
}

// withStderr adds the program's message to an error of a connection through the program. A program that fails writes
// why, and exits.
func withStderr(conn net.Conn, err error) error {
	p, ok := conn.(*process)
	if !ok || err == nil {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
	if said := p.stderr.String(); said != "" {
		err = fmt.Errorf("%s: %s", p.command.Args[0], said)
	}
	return checking(checkSSH, err)
}

func (p *process) LocalAddr() net.Addr                { return processAddr{} }
func (p *process) RemoteAddr() net.Addr               { return processAddr{} }
func (p *process) SetReadDeadline(t time.Time) error  { return p.output.SetReadDeadline(t) }
func (p *process) SetWriteDeadline(t time.Time) error { return p.input.SetWriteDeadline(t) }
func (p *process) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

type processAddr struct{}

func (processAddr) Network() string { return "process" }
func (processAddr) String() string  { return "process" }

// stderrTail keeps the end of what a program writes to its standard error.
type stderrTail struct {
	mu   sync.Mutex
	text []byte
}

const maxStderr = 2 << 10

func (c *stderrTail) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b...)
	c.text = c.text[max(0, len(c.text)-maxStderr):]
	return len(b), nil
}

// String returns plain text, because the text comes from another machine and is shown in a terminal.
func (c *stderrTail) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, string(bytes.TrimSpace(c.text)))
}
