package dev.shepherd.manager.takeover;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

/**
 * What an agent answered, as far as it is used: of its warnings the first few, and no fields that are not known here.
 * Half a million of either fit into an answer, and would take fifty times its size as objects.
 *
 * @param response the answer, with at most {@value #MAX_WARNINGS} warnings
 * @param moreWarnings how many warnings were left out
 */
record Answer(TakeoverResponse response, int moreWarnings) {

    static final int MAX_WARNINGS = 10;

    /**
     * Reads an answer.
     *
     * @throws InvalidProtocolBufferException if it is none
     */
    static Answer read(byte[] stdout) throws InvalidProtocolBufferException {
        int[] warnings = {0};
        try {
            byte[] known = known(stdout, warnings, true);
            return new Answer(TakeoverResponse.parseFrom(known), Math.max(0, warnings[0] - MAX_WARNINGS));
        } catch (InvalidProtocolBufferException e) {
            throw e;
        } catch (IOException e) {
            throw new InvalidProtocolBufferException(e);
        }
    }

    /** Returns the fields of a message that are known, all of which hold bytes, and counts the warnings. */
    private static byte[] known(byte[] message, int[] warnings, boolean isResponse) throws IOException {
        CodedInputStream in = CodedInputStream.newInstance(message);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        for (int tag; (tag = in.readTag()) != 0; ) {
            int field = WireFormat.getTagFieldNumber(tag);
            boolean known = field <= (isResponse ? 2 : 3)
                    && WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED;
            boolean isWarning = known && !isResponse && field == TakeoverSuccess.WARNING_FIELD_NUMBER;
            if (!known || (isWarning && ++warnings[0] > MAX_WARNINGS)) {
                in.skipField(tag);
                continue;
            }
            byte[] content = in.readByteArray();
            boolean isSuccess = isResponse && field == TakeoverResponse.SUCCESS_FIELD_NUMBER;
            out.writeByteArray(field, isSuccess ? known(content, warnings, false) : content);
        }
        out.flush();
        return bytes.toByteArray();
    }
}
