package dev.shepherd.web.pages;

import dev.shepherd.bmdb.hardware.HardwareDescription;
import dev.shepherd.bmdb.operator.HardwareReport;
import java.util.List;
import java.util.Optional;

/**
 * What the page of one machine shows of its hardware. All texts are fit to be shown.
 *
 * @param since since when the report is this one
 * @param description what it says, of long lists the beginning
 * @param moreDisks how many disks are not shown
 * @param moreNetworks how many network interfaces are not shown
 */
public record HardwareView(Optional<Say.When> since, HardwareDescription description, int moreDisks, int moreNetworks) {

    private static final int MOST = 100;

    static HardwareView of(HardwareReport report, Say say) {
        HardwareDescription all = HardwareDescription.of(report.hardware());
        return new HardwareView(
                report.at().map(say::when),
                new HardwareDescription(all.facts(), first(all.disks()), first(all.networks()), all.remarks()),
                Math.max(0, all.disks().size() - MOST),
                Math.max(0, all.networks().size() - MOST));
    }

    private static <T> List<T> first(List<T> all) {
        return all.subList(0, Math.min(MOST, all.size()));
    }
}
