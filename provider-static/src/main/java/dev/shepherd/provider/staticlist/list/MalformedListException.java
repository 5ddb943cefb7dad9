package dev.shepherd.provider.staticlist.list;

/** A document is not a list of machines. The message says where, and never repeats much of the document. */
final class MalformedListException extends Exception {

    private static final long serialVersionUID = 1L;

    MalformedListException(String message) {
        super(message);
    }
}
