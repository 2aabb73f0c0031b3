package client

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	reveillev1 "reveille/v1"
)

// never is longer than anything here takes, unless it never comes.
const never = time.Minute

// field is the service whose address REVEILLE_SERVER holds. clients/run starts a demo for it: emulated devices that
// come when they are pushed.
type field struct {
	*testing.T
	devices reveillev1.DeviceServiceClient
	wakes   reveillev1.WakeServiceClient
}

func newField(t *testing.T) field {
	t.Helper()
	server := os.Getenv("REVEILLE_SERVER")
	if server == "" {
		t.Skip("REVEILLE_SERVER holds no address; clients/run starts a service")
	}
	conn, err := grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return field{t, reveillev1.NewDeviceServiceClient(conn), reveillev1.NewWakeServiceClient(conn)}
}

// create makes a device that nobody enrolls.
func (f field) create(labels map[string]string) *reveillev1.Device {
	f.Helper()
	created, err := f.devices.CreateDevice(f.context(), &reveillev1.CreateDeviceRequest{
		Name:   "GO-" + rand.Text(),
		Labels: labels,
		Credential: &reveillev1.Credential{
			User:   "u",
			Secret: &reveillev1.Credential_Password{Password: "a password"},
		},
	})
	f.must(err)
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), never)
		defer cancel()
		_, err := f.devices.DeleteDevice(ctx, &reveillev1.DeleteDeviceRequest{Device: Named(created.Device.Name)})
		f.must(err)
	})
	return created.GetDevice()
}

// live is a device of the demo that can be pushed to.
func (f field) live() *reveillev1.Device {
	f.Helper()
	ctx := f.context()
	for {
		page, err := f.devices.ListDevices(ctx, &reveillev1.ListDevicesRequest{
			ChannelStates: []reveillev1.ChannelState{reveillev1.ChannelState_CHANNEL_STATE_LIVE},
			PageSize:      1,
		})
		f.must(err)
		if len(page.GetDevices()) > 0 {
			return page.GetDevices()[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (f field) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), never)
	f.Cleanup(cancel)
	return ctx
}

func (f field) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f field) refused(err error, code codes.Code, reason string) Refusal {
	f.Helper()
	refusal := RefusalOf(err)
	if refusal.Code != code || refusal.Reason != reason {
		f.Fatalf("refused with %v %q, not %v %q: %v", refusal.Code, refusal.Reason, code, reason, err)
	}
	return refusal
}

func TestAWakeIsAnsweredByASession(t *testing.T) {
	f := newField(t)
	asked, err := Ask(f.context(), f.wakes, f.live().GetName(), rand.Text(), never)
	f.must(err)
	found, err := UntilEnded(f.context(), f.wakes, asked.GetWake().GetId())
	f.must(err)
	wake := found.GetWake()
	if wake.GetState() != reveillev1.WakeState_WAKE_STATE_ANSWERED || wake.GetAnswer().GetSessionId() == "" {
		t.Fatalf("not answered: %v", wake)
	}
	if attribution := wake.GetAnswer().GetAttribution(); attribution == reveillev1.Attribution_ATTRIBUTION_UNSPECIFIED {
		t.Fatalf("answered by nobody knows what: %v", wake)
	}
}

func TestADeviceWithoutAChannelIsToldFromOneThatIsAway(t *testing.T) {
	f := newField(t)
	asked, err := Ask(f.context(), f.wakes, f.create(nil).GetName(), rand.Text(), time.Second)
	f.must(err)
	if kind := asked.GetExpectation().GetKind(); kind != reveillev1.ExpectationKind_EXPECTATION_KIND_WAITS_FOR_SESSION {
		t.Fatalf("expects %v", kind)
	}
	found, err := UntilEnded(f.context(), f.wakes, asked.GetWake().GetId())
	f.must(err)
	if why := found.GetWake().GetEndReason(); why != reveillev1.WakeEndReason_WAKE_END_REASON_NO_CHANNEL {
		t.Fatalf("ended for %v", why)
	}
}

func TestListsComeInPages(t *testing.T) {
	f := newField(t)
	mark := map[string]string{"test": rand.Text()}
	created := map[string]bool{}
	for range 5 {
		created[f.create(mark).GetName()] = true
	}
	request := &reveillev1.ListDevicesRequest{Labels: mark, PageSize: 2}
	for pages := 1; ; pages++ {
		page, err := f.devices.ListDevices(f.context(), request)
		f.must(err)
		for _, device := range page.GetDevices() {
			delete(created, device.GetName())
		}
		request.PageToken = page.GetNextPageToken()
		if request.PageToken == "" {
			if pages != 3 || len(created) > 0 {
				t.Fatalf("%d pages, without %v", pages, created)
			}
			return
		}
	}
}

func TestRefusalsHaveDetails(t *testing.T) {
	f := newField(t)
	long := string(make([]byte, 257))
	_, err := f.wakes.Wake(f.context(), &reveillev1.WakeRequest{Reason: long})
	wrong := f.refused(err, codes.InvalidArgument, "INVALID_REQUEST")
	if len(wrong.Violations) != 2 || wrong.Violations["device"] == "" || wrong.Violations["reason"] == "" {
		t.Fatalf("not every field is named at once: %v", wrong.Violations)
	}
	_, err = f.wakes.Wake(f.context(), &reveillev1.WakeRequest{Device: Named("NOBODY")})
	f.refused(err, codes.NotFound, "DEVICE_NOT_FOUND")
	_, err = f.devices.CreateDevice(f.context(), &reveillev1.CreateDeviceRequest{Name: f.create(nil).GetName()})
	f.refused(err, codes.AlreadyExists, "DEVICE_EXISTS")
}

func TestAKeyMakesACallSafeToRepeat(t *testing.T) {
	f := newField(t)
	name, key := f.create(nil).GetName(), rand.Text()
	first, err := Ask(f.context(), f.wakes, name, key, time.Hour)
	f.must(err)
	second, err := Ask(f.context(), f.wakes, name, key, time.Hour)
	f.must(err)
	if first.GetWake().GetId() != second.GetWake().GetId() {
		t.Fatal("the same key asked for two wakes")
	}
	_, err = Ask(f.context(), f.wakes, name, key, time.Minute)
	f.refused(err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
}
