package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	reveillev1 "reveille/v1"
)

// Ask asks that a device open a session within timeout. The key makes it safe to repeat the call.
func Ask(
	ctx context.Context, service reveillev1.WakeServiceClient, device, key string, timeout time.Duration,
) (*reveillev1.WakeResponse, error) {
	return service.Wake(ctx, &reveillev1.WakeRequest{
		Device:         Named(device),
		Timeout:        durationpb.New(timeout),
		Priority:       reveillev1.WakePriority_WAKE_PRIORITY_INTERACTIVE,
		IdempotencyKey: key,
	})
}

// UntilEnded watches a wake until it has ended, which it does at its deadline at the latest.
func UntilEnded(
	ctx context.Context, service reveillev1.WakeServiceClient, id string,
) (*reveillev1.GetWakeResponse, error) {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	events, err := service.WatchWakes(watch, &reveillev1.WatchWakesRequest{
		Filter: &reveillev1.WakeFilter{WakeIds: []string{id}},
	})
	if err != nil {
		return nil, err
	}
	// What happens after the headers is told, and GetWake says what happened before.
	if _, err := events.Header(); err != nil {
		return nil, err
	}
	get := &reveillev1.GetWakeRequest{Id: id}
	found, err := service.GetWake(ctx, get)
	if err != nil || found.GetWake().GetState() != reveillev1.WakeState_WAKE_STATE_LIVE {
		return found, err
	}
	for {
		told, err := events.Recv()
		if err != nil {
			return nil, err
		}
		if told.GetEvent().GetType() == reveillev1.WakeEventType_WAKE_EVENT_TYPE_ENDED {
			return service.GetWake(ctx, get)
		}
	}
}

// Named is the device of this name.
func Named(name string) *reveillev1.DeviceRef {
	return &reveillev1.DeviceRef{By: &reveillev1.DeviceRef_Name{Name: name}}
}
