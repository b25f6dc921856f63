package boot

import "io"

// Split lets several readers read a console at the same time. Each reader gets every byte. A reader that reads slowly
// delays the others until it is closed.
func Split(console io.Reader, readers int) []*io.PipeReader {
	read, write := make([]*io.PipeReader, readers), make([]*io.PipeWriter, readers)
	for i := range readers {
		read[i], write[i] = io.Pipe()
	}
	go func() {
		_, err := io.Copy(openPipes(write), console)
		for _, w := range write {
			_ = w.CloseWithError(err)
		}
	}()
	return read
}

// openPipes writes to pipes, and ignores those whose reader was closed.
type openPipes []*io.PipeWriter

func (pipes openPipes) Write(p []byte) (int, error) {
	for _, w := range pipes {
		_, _ = w.Write(p) // it fails only for a reader that was closed
	}
	return len(p), nil
}
