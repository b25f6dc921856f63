package bootfiles

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// largestMember is the largest file, in bytes, that is kept in memory: boot loaders and their modules are smaller.
const largestMember = 16 << 20

// Members are small files of archives, by the sources of the archives. Each archive is unpacked once for all of its files. What is not
// among them is read by itself.
type Members map[string]*unpacked

// unpacked are the files of an archive.
type unpacked struct {
	paths []string
	busy  chan struct{} // held while the archive is unpacked
	done  bool

	files    map[string][]byte
	name     string         // of the archive, for messages
	promised image.Checksum // that the archive has
}

// MembersOf are the files of those archives from which several of these files come.
func MembersOf(files []File) Members {
	members := Members{}
	for _, f := range files {
		if f.ArchivePath == "" {
			continue
		}
		if members[f.Source] == nil {
			members[f.Source] = &unpacked{busy: make(chan struct{}, 1)}
		}
		members[f.Source].paths = append(members[f.Source].paths, f.ArchivePath)
	}
	for source, of := range members {
		if len(of.paths) < 2 {
			delete(members, source)
		}
	}
	return members
}

// member is the content of a file in an archive, and the name of the archive, if the file is small and the archive has the promised
// checksum.
func (s Sources) member(ctx context.Context, f File, promised image.Checksum) (content []byte, name string, found bool) {
	of := s.Members[f.Source]
	if of == nil || f.ArchivePath == "" {
		return nil, "", false
	}
	select {
	case of.busy <- struct{}{}:
		defer func() { <-of.busy }()
	case <-ctx.Done():
		return nil, "", false
	}
	if !of.done {
		s.unpack(ctx, f, of, promised)
		of.done = ctx.Err() == nil
	}
	content, found = of.files[f.ArchivePath]
	return content, of.name, found && of.promised == promised
}

// unpack reads an archive once. If it fails, there are no files: each then reports the error when it is read by itself.
func (s Sources) unpack(ctx context.Context, f File, of *unpacked, promised image.Checksum) {
	stream, err := s.stream(ctx, f)
	if err != nil {
		return
	}
	defer stream.Close()
	files, err := image.SmallInArchive(ctx, image.Verify(stream, promised, stream.Source), of.paths, largestMember)
	if err == nil {
		of.files, of.name, of.promised = files, stream.Source, promised
	}
}
