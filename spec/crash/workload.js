// A workload: what a process does with a database, and what happens to it meanwhile.
export function isPlannedFor({ on }, { kind, path, toPath }) {
    return (on.kind === undefined || on.kind === kind) && (toPath ?? path).endsWith(on.path ?? '');
}
/** For people, one line. */
export function describeStep(step) {
    switch (step.kind) {
        case 'commit':
            return `commit: ${step.sql.join('; ')}`;
        case 'delay':
            return `SET FILES WRITE DELAY ${step.millis} MILLIS`;
        case 'close':
            return `close ${step.mode}, open`;
        case 'kill':
            return 'kill, open';
        case 'fail': {
            const { on, code, writtenBytes, takesEffect, skip = 0, times = 1 } = step.fault;
            const which = `${on.kind ?? 'operation'}${on.path === undefined ? '' : ` of *${on.path}`}`;
            const extent = [
                ...(skip > 0 ? [`after ${skip} of them`] : []),
                ...(times > 1 ? [`${times} times`] : []),
                ...(writtenBytes === undefined ? [] : [`with ${writtenBytes} bytes written`]),
                ...(takesEffect === true ? ['although it takes effect'] : []),
            ];
            return [`from now on ${which} fails with ${code}`, ...extent].join(', ');
        }
        default:
            return step.kind;
    }
}
