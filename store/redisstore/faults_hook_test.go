package redisstore_test

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

// faults is a hook of a client whose commands fail, or are not answered.
type faults struct {
	mu      sync.Mutex
	broken  bool
	stalled chan struct{} // closed when commands are answered again; nil: they are answered
}

func (f *faults) setBroken(broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = broken
}

func (f *faults) setStalled(stalled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stalled {
		f.stalled = make(chan struct{})
	} else {
		close(f.stalled)
		f.stalled = nil
	}
}

// wait returns the error of a command that is not sent.
func (f *faults) wait(ctx context.Context) error {
	f.mu.Lock()
	broken, stalled := f.broken, f.stalled
	f.mu.Unlock()
	if broken {
		return errors.New("READONLY the server is broken")
	}
	if stalled == nil {
		return nil
	}
	select {
	case <-stalled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faults) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *faults) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := f.wait(ctx); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (f *faults) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := f.wait(ctx); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}
