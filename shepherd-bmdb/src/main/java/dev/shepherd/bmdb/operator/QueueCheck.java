package dev.shepherd.bmdb.operator;

import java.util.List;

/**
 * What {@link Operator#verifyQueue} found: how the queue of due work differs from the tags that it is derived from.
 *
 * @param entries how many entries the queue has
 * @param missing how many entries it lacks: machines that no session would claim
 * @param late how many entries come up later than their machine is due
 * @param superfluous how many entries it should not have; they cost a look each
 * @param examples what is wrong with some of them, at most 20
 */
public record QueueCheck(long entries, long missing, long late, long superfluous, List<String> examples) {

    /** Copies the examples. */
    public QueueCheck {
        examples = List.copyOf(examples);
    }

    /** Tells whether nothing is wrong. */
    public boolean isRight() {
        return missing == 0 && late == 0 && superfluous == 0;
    }
}
