/**
 * What a provider over a network needs beside the SPI. {@link dev.shepherd.provider.support.HttpCalls} makes calls that
 * end, and {@link dev.shepherd.provider.support.ClaimingProvider} is most of a provider whose machines are taken by a claim;
 * start reading there.
 *
 * <ul>
 *   <li>{@link dev.shepherd.provider.support.Pages}: a listing that comes a page at a time, and ends
 *   <li>{@link dev.shepherd.provider.support.HttpAnswer}: what came back, or the failure that its status means
 *   <li>{@link dev.shepherd.provider.support.NoAnswerException}: nothing whole came back, and why
 *   <li>{@link dev.shepherd.provider.support.CallThreads}: the threads of one provider, and the end of all of them
 *   <li>{@link dev.shepherd.provider.support.CallGate}: how many calls at once, how many a second, and pauses
 *   <li>{@link dev.shepherd.provider.support.AddressLiteral}: reads IP addresses and never asks the DNS
 *   <li>{@link dev.shepherd.provider.support.Excerpts}, {@link dev.shepherd.provider.support.Ticker}: parts of the above for
 *       providers whose HTTP is generated code
 * </ul>
 */
@NullMarked
package dev.shepherd.provider.support;

import org.jspecify.annotations.NullMarked;
