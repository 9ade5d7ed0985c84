// Requests to the API of the same host: the token, errors in words, lists.

import { token } from './token.js';

const ROOT = '/api/v1';
/** How long an answer may take to begin, in milliseconds. */
const PATIENCE = 15_000;

/** What the API answers when it does not answer what was asked. */
export class Problem extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Asks, with the token if there is one. Where one is wanted, it is asked for, once for all that wait, and the request is made again.
 * @param {string} path behind `/api/v1`
 * @param {{method?: string, query?: Record<string, any>, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>}
 */
export async function request(path, { method = 'GET', query = {}, headers = {}, signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(given).toString();
  const url = `${ROOT}${path}${text ? `?${text}` : ''}`;
  for (;;) {
    const shown = token.value;
    const authorized = shown ? { ...headers, Authorization: `Bearer ${bytes(shown)}` } : headers;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('no answer in time')), PATIENCE);
    let response;
    try {
      response = await fetch(url, { method, headers: authorized, signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal, cache: 'no-store' });
    } finally {
      clearTimeout(timer);
    }
    if (response.status === 401) {
      await token.replace(shown);
      signal?.throwIfAborted();
      continue;
    }
    if (!response.ok) throw new Problem(response.status, await reason(response));
    return response;
  }
}

/**
 * Asks for JSON.
 * @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query, signal) {
  return (await request(path, { query, signal })).json();
}

/**
 * A whole list, page by page.
 * @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<any[]>}
 */
export async function* pages(path, query = {}, signal) {
  let after;
  do {
    const page = await get(path, { limit: 1000, ...query, after }, signal);
    yield page.items;
    after = page.next;
  } while (after);
}

/** A header takes bytes, each written as one character; what does not fit would be no request at all. @param {string} text */
function bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** @param {Response} response */
async function reason(response) {
  try {
    const problem = await response.json();
    return problem.detail ?? problem.title ?? response.statusText;
  } catch {
    return response.statusText || `status ${response.status}`;
  }
}
