package dev.shepherd.provider.equinix;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.equinix.MetalCalls.Kind;
import dev.shepherd.provider.equinix.Pages.Page;
import dev.shepherd.provider.equinix.client.ApiException;
import dev.shepherd.provider.equinix.client.CreateDeviceRequest;
import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.DeviceActionInput;
import dev.shepherd.provider.equinix.client.DeviceList;
import dev.shepherd.provider.equinix.client.HardwareReservation;
import dev.shepherd.provider.equinix.client.HardwareReservationList;
import dev.shepherd.provider.equinix.client.SSHKey;
import dev.shepherd.provider.equinix.client.SSHKeyCreateInput;
import dev.shepherd.provider.equinix.client.SSHKeyInput;
import dev.shepherd.provider.equinix.client.SSHKeyList;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One project of the API: every operation that the provider needs, made by a call that behaves.
 *
 * <p>All of them fail with {@link ProviderException} only. Safe for use by several threads.
 */
final class MetalProject {

    /** What to describe in full, since a device cannot be asked for without it. */
    private static final List<String> RESERVATION_INCLUDE = List.of("facility.metro", "plan");

    /**
     * For how long a project that was seen is taken to be there. Short, since a device that is forbidden in the
     * meantime counts as gone; long enough for devices that are asked for together.
     */
    private static final Duration PROJECT_SEEN_FOR = Duration.ofSeconds(10);

    /** When the project was last seen, by the clock of the calls; null before. */
    private final AtomicReference<@Nullable Long> projectSeenAt = new AtomicReference<>();

    private final MetalCalls calls;
    private final Pages pages;
    private final Supplier<MetalApi> api;
    private final UUID project;
    private final int pageSize;

    /**
     * Makes the operations of one project.
     *
     * @param calls how calls behave
     * @param pages how listings are read
     * @param api the generated client; asked for on the thread that sends a request
     * @param project the id of the project
     * @param pageSize how many devices or reservations to a page
     */
    MetalProject(MetalCalls calls, Pages pages, Supplier<MetalApi> api, UUID project, int pageSize) {
        this.calls = calls;
        this.pages = pages;
        this.api = api;
        this.project = project;
        this.pageSize = pageSize;
    }

    List<Device> devices() throws InterruptedException {
        return devices("the devices", null);
    }

    List<Device> devicesWithTag(String tag) throws InterruptedException {
        List<Device> found = devices("the devices with the tag " + tag, tag);
        found.removeIf(device -> !DeviceMapper.orEmpty(device.getTags()).contains(tag));
        return found;
    }

    private List<Device> devices(String what, @Nullable String tag) throws InterruptedException {
        long deadline = calls.listingDeadline();
        return pages.readAll(what, DeviceMapper::id, DeviceMapper::size, page -> {
            calls.requireTime(what, page, deadline);
            DeviceList list = devicePage(what + ", page " + page, tag, page, pageSize);
            return Page.of(list.getDevices(), list.getMeta()).map(DeviceMapper::withoutTheRest);
        });
    }

    private DeviceList devicePage(String what, @Nullable String tag, int page, int size) throws InterruptedException {
        DeviceList list = ofProject(() -> calls.call(
                "listing " + what,
                Kind.READ,
                () -> whole(
                        api.get()
                                .devices()
                                .findProjectDevices(
                                        project, null, null, null, null, null, null, tag, null, null, null, null, page,
                                        size),
                        MetalProject::deviceIds)));
        projectSeenAt.set(calls.now());
        return list;
    }

    List<Reservation> reservations() throws InterruptedException {
        long deadline = calls.listingDeadline();
        return ofProject(() -> pages.readAll("the hardware reservations", Reservation::id, Reservation::size, page -> {
            calls.requireTime("the hardware reservations", page, deadline);
            HardwareReservationList list = calls.call(
                    "listing the hardware reservations, page " + page,
                    Kind.READ,
                    () -> whole(
                            api.get()
                                    .reservations()
                                    .findProjectHardwareReservations(
                                            project, null, null, null, RESERVATION_INCLUDE, null, page, pageSize),
                            MetalProject::reservationIds));
            return Page.of(list.getHardwareReservations(), list.getMeta()).map(Reservation::of);
        }));
    }

    /**
     * Describes one device.
     *
     * @return the device; empty if there is none, also none of this project: the API answers 403 for a device that it
     *     has moved to another one
     * @throws ProviderException with {@link Reason#UNAUTHENTICATED} if the token does not see the project either
     */
    Optional<Device> device(UUID id) throws InterruptedException {
        try {
            return Optional.of(calls.call(
                    "asking for device " + id,
                    Kind.READ,
                    () -> whole(
                            api.get().devices().findDeviceById(id, null, null), device -> Stream.of(device.getId()))));
        } catch (ProviderException e) {
            if (e.reason() == Reason.NOT_FOUND) {
                return Optional.empty();
            }
            if (e instanceof ForbiddenException) {
                requireProject();
                return Optional.empty();
            }
            throw e;
        }
    }

    /** Looks whether the token sees the project, with one small request, unless it did so just now. */
    private void requireProject() throws InterruptedException {
        Long seenAt = projectSeenAt.get();
        if (seenAt == null || calls.now() - seenAt > PROJECT_SEEN_FOR.toNanos()) {
            devicePage("the first device, since another one is forbidden", null, 1, 1);
        }
    }

    /** Creates a device. Of unknown outcome if it fails with {@link Reason#TRANSIENT}. */
    Device createDevice(String what, long deadline, CreateDeviceRequest request) throws InterruptedException {
        return ofProject(() -> calls.call(
                what,
                Kind.CREATION,
                deadline,
                () -> whole(
                        api.get().devices().createDevice(project, request, null, null),
                        device -> Stream.of(device.getId()))));
    }

    /** Reboots or reinstalls a device. Of unknown outcome if it fails with {@link Reason#TRANSIENT}. */
    void act(String what, UUID device, DeviceActionInput action) throws InterruptedException {
        try {
            calls.call(what, Kind.DEVICE_ACTION, () -> {
                api.get().devices().performAction(device, action);
                return device;
            });
        } catch (ForbiddenException e) {
            // The token has just seen this device: so this is no reason to leave all others alone.
            throw ProviderException.builder(e.reason(), String.valueOf(e.getMessage()))
                    .scope(Scope.MACHINE)
                    .cause(e)
                    .build();
        }
    }

    List<SSHKey> keys() throws InterruptedException {
        SSHKeyList list = ofProject(() -> calls.call(
                "listing the SSH keys",
                Kind.READ,
                () -> whole(api.get().keys().findProjectSSHKeys(project, null, null), MetalProject::keyIds)));
        return DeviceMapper.orEmpty(list.getSshKeys());
    }

    /** Creates a key. Of unknown outcome if it fails with {@link Reason#TRANSIENT}. */
    SSHKey createKey(String label, String key) throws InterruptedException {
        return ofProject(() -> calls.call(
                "creating the SSH key " + label,
                Kind.CREATION,
                () -> whole(
                        api.get()
                                .keys()
                                .createProjectSSHKey(
                                        project,
                                        new SSHKeyCreateInput().label(label).key(key),
                                        null),
                        made -> Stream.of(made.getId()))));
    }

    SSHKey updateKey(UUID id, String label, String key) throws InterruptedException {
        return calls.call(
                "updating the SSH key " + label,
                Kind.REPEATABLE_WRITE,
                () -> whole(
                        api.get()
                                .keys()
                                .updateSSHKey(id, new SSHKeyInput().label(label).key(key), null),
                        updated -> Stream.of(updated.getId())));
    }

    private static Stream<@Nullable UUID> deviceIds(DeviceList list) {
        return DeviceMapper.orEmpty(list.getDevices()).stream().map(Device::getId);
    }

    private static Stream<@Nullable UUID> reservationIds(HardwareReservationList list) {
        return DeviceMapper.orEmpty(list.getHardwareReservations()).stream().map(HardwareReservation::getId);
    }

    private static Stream<@Nullable UUID> keyIds(SSHKeyList list) {
        return DeviceMapper.orEmpty(list.getSshKeys()).stream().map(SSHKey::getId);
    }

    /** An answer that is empty, or describes something without an id, is no answer. */
    private static <T> T whole(@Nullable T answer, Function<T, Stream<@Nullable UUID>> ids) throws ApiException {
        if (answer == null || ids.apply(answer).anyMatch(Objects::isNull)) {
            throw new ApiException(new IOException("the answer lacks what it should hold"));
        }
        return answer;
    }

    private interface Operation<T> {
        T run() throws InterruptedException;
    }

    /** The project does not exist, or this token may not see it: that is the same for every machine. */
    private <T> T ofProject(Operation<T> operation) throws InterruptedException {
        try {
            return operation.run();
        } catch (ProviderException e) {
            if (e.reason() == Reason.NOT_FOUND) {
                throw ProviderException.builder(
                                Reason.PERMANENT,
                                e.getMessage() + " (does project " + project + " exist, and may the token see it?)")
                        .scope(Scope.PROVIDER)
                        .cause(e)
                        .build();
            }
            throw e;
        }
    }
}
